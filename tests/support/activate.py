"""Starts a program as systemd does that holds its sockets: activate.py NUMBER,NUMBER… PROGRAM ARGUMENT…
The inherited descriptors become 3 and those behind it, and LISTEN_PID is the process that the program then has. Variables that
are in the environment already stay as they are, for the tests of wrong ones."""

import fcntl
import os
import sys

FIRST = 3

numbers = [fcntl.fcntl(int(word), fcntl.F_DUPFD, 100) for word in sys.argv[1].split(",") if word]
for place, number in enumerate(numbers):
    os.dup2(number, FIRST + place, inheritable=True)
os.closerange(FIRST + len(numbers), 1024)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.environ.setdefault("LISTEN_FDS", str(len(numbers)))
os.environ.setdefault("LISTEN_FDNAMES", ":".join(["rowlock.socket"] * len(numbers)))
os.execv(sys.argv[2], sys.argv[2:])
