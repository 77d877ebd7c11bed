"""The side of sd_notify that a service manager has: a datagram socket that gathers what it is told, and by whom."""

import os
import re
import socket
import struct

from support.wait import until


class NotifySocket:
    """with NotifySocket(folder) as manager: serve(env=manager.settings()); manager.told("READY=1")"""

    def __init__(self, folder, abstract=False):
        self.name = f"@rowlock-test-{os.getpid()}-{folder.name}" if abstract else str(folder / "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.sock.bind("\0" + self.name[1:] if abstract else self.name)
        self.gathered = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def settings(self, **more):
        return {"NOTIFY_SOCKET": self.name, **more}

    def messages(self):
        """[(process id of the sender, [lines])] so far."""
        while True:
            try:
                data, extra, _, _ = self.sock.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("3i")))
            except BlockingIOError:
                return self.gathered
            sender = struct.unpack("3i", extra[0][2])[0]
            self.gathered.append((sender, data.decode("utf-8").splitlines()))

    def lines(self):
        return [line for _, lines in self.messages() for line in lines]

    def count(self, line):
        return self.lines().count(line)

    def status(self):
        """The newest one."""
        return next((line[7:] for line in reversed(self.lines()) if line.startswith("STATUS=")), None)

    def told(self, line, seconds=10, times=1):
        until(lambda: self.count(line) >= times, seconds, f"{line}, so far {self.messages()[-10:]}")

    def told_status(self, pattern, seconds=10):
        until(lambda: re.search(pattern, self.status() or ""), seconds, f"{pattern}, so far {self.messages()[-10:]}")
