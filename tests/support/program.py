"""The program under test: where it is, what environment it gets, how to run one of its commands."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# How systemd starts a program that it has sockets for: these words, their numbers, the program, its arguments.
ACTIVATE = (sys.executable, str(Path(__file__).with_name("activate.py")))

SCRUBBED = ("PG", "DB_", "ROWLOCK_", "GMAP_", "OSRM_", "GITHUB_", "DATABASE_URL", "SQLALCHEMY_", "OTEL_", "CACHE_URL",
            "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_",
            "MAKE", "MFLAGS")        # of a make that runs the tests: no concern of one that a test runs

SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "UndefinedBehaviorSanitizer", "ThreadSanitizer", "runtime error:")


def missing(what):
    """A test cannot run, because `what` is not installed: a skip, or with ROWLOCK_TEST_REQUIRE a failure."""
    required = os.environ.get("ROWLOCK_TEST_REQUIRE")
    if required:
        pytest.fail(f"{what} is not installed, and ROWLOCK_TEST_REQUIRE={required}", pytrace=False)
    pytest.skip(f"{what} is not installed")


def find(name, variable):
    """The path of a built program: from the environment, else from the usual build folders."""
    named = os.environ.get(variable)
    candidates = [Path(named)] if named else [
        ROOT / "build" / name, ROOT / "build" / "healthcheck" / name, ROOT / name, ROOT / "healthcheck" / name]
    for path in candidates:
        if path.is_file() and os.access(path, os.X_OK):
            return str(path.resolve())
    return None


def heed_signals():
    """Whoever runs the tests in the background of a script has made them ignore SIGINT."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def instrumented(path):
    """Whether it was built with sanitizers, which leave their names in it."""
    return path is not None and any(name in Path(path).read_bytes() for name in (b"__asan_", b"__ubsan_", b"__tsan_", b"__msan_"))


def rowlock():
    path = find("rowlock", "ROWLOCK")
    if path is None:
        raise FileNotFoundError("no rowlock binary: build it, or name it in the environment variable ROWLOCK")
    return path


# True when the server is built with sanitizers: then figures of memory and of its start say nothing.
SANITIZED = instrumented(find("rowlock", "ROWLOCK"))

# Every limit of time in the tests is multiplied by this. It says how slow the machine is and nothing about the build.
SLOW = float(os.environ.get("ROWLOCK_TEST_SLOW") or (4 if SANITIZED else 1))

# What a sanitizer keeps of freed memory; where memory is measured, that much more is allowed.
HEADROOM = 96 << 20 if SANITIZED else 0


def children(pid):
    """The process ids of its direct children, none when it is gone. Not every kernel lists them, and a test that believed
    the empty list would say something else than what is wrong."""
    assert Path("/proc/self/task", str(os.getpid()), "children").exists(), "this kernel has no /proc/PID/task/PID/children (CONFIG_PROC_CHILDREN)"
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_running(pid):
    """False when it is gone, also when nobody has asked yet how it ended: in a container without an init nobody ever does."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def environment(**extra):
    """The environment of a child: ours without anything that could steer Rowlock or libpq, plus `extra`."""
    env = {name: value for name, value in os.environ.items()
           if name != "ROWLOCK" and not name.startswith(SCRUBBED) and not name.lower().endswith("_proxy")}
    if "ROWLOCK_TEST_HTTP" in os.environ:
        env["ROWLOCK_HTTP"] = os.environ["ROWLOCK_TEST_HTTP"]
    env["HOME"] = "/nonexistent"          # no ~/.pgpass, no ~/.pg_service.conf
    env["LC_ALL"] = "C.UTF-8"
    # a small quarantine, so that figures of memory still mean something; what the caller sets comes last and wins
    ours = "detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=16"
    env["ASAN_OPTIONS"] = ":".join(filter(None, (ours, env.get("ASAN_OPTIONS"))))
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=0")
    env.update({name: str(value) for name, value in extra.items()})
    return env


def run(*arguments, env=None, cwd=None, timeout=30, program=None):
    """Runs one command to its end and returns the CompletedProcess (text)."""
    done = subprocess.run([program or rowlock(), *map(str, arguments)], env=environment(**(env or {})), cwd=cwd,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout * SLOW)
    for word in SANITIZER_WORDS:
        assert word not in done.stderr, done.stderr
    return done
