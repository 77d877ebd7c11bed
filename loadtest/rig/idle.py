"""What idle connections cost: a fresh server, thousands of connections that have had one answer each and then say nothing."""

import json
import resource
import subprocess

from rig import procfs


def allow_files(count):
    """For us and all that we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))


def bytes_per_connection(load, contestant, count):
    """Resident memory of the server with them, less that without, by their number."""
    command = [load, "--port", str(contestant.port)]
    subprocess.run([*command, "--seconds", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)   # warmed
    before = procfs.resident_bytes(contestant.pid)
    idle = subprocess.Popen([*command, "--mode", "idle", "--connections", str(count), "--seconds", "60"], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        line = idle.stdout.readline()
        if not line or json.loads(line)["open"] != count:
            raise RuntimeError(f"{count} idle connections could not be opened")
        return (procfs.resident_bytes(contestant.pid) - before) / count
    finally:
        idle.stdin.close()
        idle.wait(30)
