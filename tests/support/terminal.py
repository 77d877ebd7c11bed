"""A program that believes a terminal is there."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading

from support.program import SANITIZER_WORDS, SLOW, environment, heed_signals


class Terminal:
    """
    with Terminal([rowlock(), "serve"], "stderr") as shown: …
    The named streams are a terminal, of the others those that are given. text(): what the terminal has shown so far.
    """

    def __init__(self, command, *streams, cwd=None, env=None, **others):
        self.ours, theirs = pty.openpty()
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **others}
        self.process = subprocess.Popen(list(map(str, command)), env=environment(**{"TERM": "xterm", **(env or {})}), cwd=cwd, preexec_fn=heed_signals,
                                        **given | dict.fromkeys(streams, theirs))
        os.close(theirs)
        self.parts = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(10)
        os.close(self.ours)
        assert not any(word in self.text() for word in SANITIZER_WORDS), self.text()

    def resize(self, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def text(self):
        return b"".join(self.parts).decode(errors="replace").replace("\r\n", "\n")

    def wait(self, seconds=30):
        """The exit code; all that it said is in text() then."""
        code = self.process.wait(seconds * SLOW)
        self.reader.join(10)
        return code

    def _read(self):
        try:
            while part := os.read(self.ours, 65536):
                self.parts.append(part)
        except OSError:     # the last who had it has closed it
            pass
