"""A small file system of its own, to see what happens when it is full."""

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from support.program import missing


class Disk:
    def __init__(self, folder):
        self.folder, self.filler = Path(folder), Path(folder, "filler")

    def fill(self):
        """To the last byte; what was freed meanwhile, again."""
        with open(self.filler, "ab", buffering=0) as filler:
            for size in (1 << 16, 1 << 12):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    pass

    def empty(self):
        self.filler.unlink()


@contextmanager
def small_disk(options):
    """options: of mount, for a tmpfs: "size=4m,mode=777"."""
    if os.geteuid() != 0:
        missing("the right to mount a file system")
    with tempfile.TemporaryDirectory(prefix="rowlock-disk-") as folder:
        os.chmod(folder, 0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        try:
            yield Disk(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
