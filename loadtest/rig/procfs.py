"""What processes cost, from /proc: CPU seconds and memory, a process with all its descendants."""

import os
import re
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and all that it has started, and they in turn."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            for child in (task / "children").read_text().split():
                found += tree(int(child))
        except OSError:
            pass                # it has just ended
    return found


def cpu_seconds(pid):
    """User and system time of the tree, that of its dead included: those count in the process that waited for them."""
    ticks = 0
    for one in tree(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text()
        except OSError:
            continue
        ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))     # utime, stime, cutime, cstime
    return ticks / TICK


def resident_bytes(pid):
    """The largest process of the tree."""
    sizes = []
    for one in tree(pid):
        try:
            sizes.append(int(re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{one}/status").read_text(), re.M)[1]) * 1024)
        except (OSError, TypeError):
            pass
    return max(sizes)


def pin(pid, cores):
    """Every thread of the tree to those cores."""
    for one in tree(pid):
        for task in os.listdir(f"/proc/{one}/task"):
            try:
                os.sched_setaffinity(int(task), cores)
            except ProcessLookupError:
                pass
