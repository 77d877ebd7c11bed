"""Files of API keys (--api-keys) as an operator writes them."""

import hashlib
import os


def key_of(name):
    """A key that is made up, always the same of a name."""
    return f"made-up-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def line(name, *words, key=None):
    return " ".join([name, hashlib.sha256((key or key_of(name)).encode()).hexdigest(), *words])


class KeyFile:
    """KeyFile(folder, ann="orders", bob="orders:read rate=1/s"): a key a name; path is the file."""

    def __init__(self, folder, **keys):
        self.path = folder / "keys"
        self.write(*(line(name, words) for name, words in keys.items()))

    def write(self, *lines):
        """The file is another one, at once, and never half of it."""
        fresh = self.path.with_name("keys.new")
        fresh.write_text("".join(each + "\n" for each in lines))
        fresh.chmod(0o600)
        os.replace(fresh, self.path)


def bearer(name):
    return {"Authorization": f"Bearer {key_of(name)}"}
