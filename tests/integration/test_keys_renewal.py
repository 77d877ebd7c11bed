"""The file of --api-keys changes while a server runs: what counts from then on, and what a broken file does, which is nothing."""

import os
import re
import signal
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from support.events import EventStream
from support.expect import problem
from support.keys import KeyFile, bearer, key_of, line
from support.program import SLOW
from support.rawhttp import Connection
from support.wait import until

quick = pytest.mark.quick
LIST = "/orders?page=1&limit=1"
REFUSED = "the file of API keys is not right, and the keys stay as they were"


def ask(server, name, target=LIST):
    with Connection(server.address) as connection:
        return connection.request("GET", target, headers=bearer(name) if name else {}).status


def becomes(server, name, status, count=1):
    """Within a second, and from then on; of each worker, by so many connections."""
    begun = time.monotonic()
    until(lambda: {ask(server, name) for _ in range(count)} == {status}, 5, f"{name} gets {status}")
    took = time.monotonic() - begun
    assert took < 1.2 * SLOW, f"it took {took:.2f} s"
    assert {ask(server, name) for _ in range(count)} == {status}


def gauge(server, name):
    with Connection(server.address) as connection:
        text = connection.request("GET", "/metrics", headers=bearer("all")).body.decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])


ALL = line("all", "*")


@quick
@pytest.mark.parametrize("engine", ["evhttp", "direct"])
def test_keys_come_change_and_go(serve, sqlite, folder, engine):
    file = KeyFile(folder, all="*")
    server = serve("--api-keys", file.path, "--http", engine, database=sqlite)
    assert ask(server, "ann") == 401
    file.write(ALL, line("ann", "orders:read"))
    becomes(server, "ann", 200)
    file.write(ALL, line("ann", "users"))
    becomes(server, "ann", 403)
    file.write(ALL)
    becomes(server, "ann", 401)
    assert [each["keys"] for each in server.lines() if each["message"] == "API keys read"] == [2, 2, 1]
    assert gauge(server, "rowlock_api_keys") == 1


@quick
def test_a_file_that_is_written_in_place_counts_too(serve, sqlite, folder):
    file = KeyFile(folder, all="*")
    server = serve("--api-keys", file.path, database=sqlite)
    with open(file.path, "a") as lines:
        lines.write(line("ann", "orders") + "\n")
    becomes(server, "ann", 200)
    before = file.path.stat()
    file.path.write_text(file.path.read_text().replace("ann", "bob"))       # of the same size, and as old as it was
    os.utime(file.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    file.path.write_text(file.path.read_text().replace(line("ann")[4:], line("bob")[4:]))
    os.utime(file.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    becomes(server, "ann", 401)


@quick
def test_a_link_that_leads_elsewhere_counts_too(serve, sqlite, folder):
    """As Kubernetes changes secrets."""
    for name in ("one", "two"):
        (folder / name).mkdir()
    KeyFile(folder / "one", ann="orders"), KeyFile(folder / "two", bob="orders")
    (folder / "now").symlink_to("one")
    server = serve("--api-keys", folder / "now" / "keys", database=sqlite)
    assert ask(server, "ann") == 200
    (folder / "next").symlink_to("two")
    os.replace(folder / "next", folder / "now")
    becomes(server, "bob", 200)
    assert ask(server, "ann") == 401


@quick
@pytest.mark.parametrize("workers", [1, 2])
def test_sighup_has_it_looked_at(serve, postgres, folder, workers):
    file = KeyFile(folder, all="*")
    server = serve("--workers", workers, "--api-keys", file.path, database=postgres)
    file.write(ALL, line("ann", "orders"))
    server.signal(signal.SIGHUP)
    becomes(server, "ann", 200, 24)
    if workers == 2:
        server.told("workers replaced", 1, 20)
        assert {ask(server, "ann") for _ in range(24)} == {200}


def broken(path):
    """Ways in which a file goes wrong: {what: (do it, what the log says)}."""
    return {
        "a wrong line": (lambda: path.write_text(f"{ALL}\nann x *\nbob\n"), ["line 2: ", "line 3: "]),
        "it is gone": (path.unlink, ["No such file"]),
        "a folder": (lambda: (path.unlink(), path.mkdir()), ["not a file"]),
        "a pipe": (lambda: (path.unlink(), os.mkfifo(path)), ["not a file"]),
    }


@quick
@pytest.mark.parametrize("what", ["a wrong line", "it is gone", "a folder", "a pipe"])
def test_a_broken_file_is_refused_whole_and_the_old_one_stays(serve, sqlite, folder, what):
    file = KeyFile(folder, all="*", ann="orders")
    server = serve("--api-keys", file.path, database=sqlite)
    act, words = broken(file.path)[what]
    act()
    told = server.told(REFUSED, len(words))
    assert [word in each["reason"] for word, each in zip(words, told)] == [True] * len(words) and {each["file"] for each in told} == {str(file.path)}
    assert (ask(server, "ann"), gauge(server, "rowlock_api_keys_file_refused"), gauge(server, "rowlock_api_keys")) == (200, 1, 2)
    time.sleep(1 * SLOW)            # some more looks at the same file
    assert len(server.told(REFUSED)) == len(words), "it is said once"
    if file.path.is_dir():
        file.path.rmdir()
    file.write(ALL)
    becomes(server, "ann", 401)
    assert gauge(server, "rowlock_api_keys_file_refused") == 0


@quick
def test_the_workers_of_a_server_whose_file_is_broken_begin_with_the_old_one(serve, postgres, folder):
    file = KeyFile(folder, all="*", ann="orders")
    server = serve("--workers", 2, "--api-keys", file.path, database=postgres)
    file.path.write_text("nonsense\n")
    server.told(REFUSED, 2)
    os.kill(server.workers()[0], signal.SIGKILL)
    server.told(REFUSED, 3, 20)
    until(lambda: {ask(server, "ann") for _ in range(24)} == {200}, 10, "all workers know ann")
    file.write(ALL)
    becomes(server, "ann", 401, 24)


@quick
def test_no_request_fails_while_keys_change(serve, database, folder):
    file = KeyFile(folder, all="*")
    server = serve("--api-keys", file.path, database=database)
    done, statuses = threading.Event(), []

    def go_on():
        with Connection(server.address) as connection:
            while not done.is_set():
                statuses.append(connection.request("GET", LIST, headers=bearer("all")).status)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for number in range(4):
            file.write(ALL, *(line(f"of-{number}-{other}", "orders") for other in range(3000)))
            until(lambda: ask(server, f"of-{number}-2999") == 200, 5, "the new keys count")
    finally:
        done.set()
        thread.join()
    assert set(statuses) == {200} and len(statuses) > 100


@quick
def test_a_key_expires_while_the_server_runs(serve, sqlite, folder):
    at = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=3 * SLOW)
    file = KeyFile(folder, ann=f"orders expires={at:%Y-%m-%dT%H:%M:%SZ}")
    server = serve("--api-keys", file.path, database=sqlite)
    assert ask(server, "ann") == 200
    until(lambda: ask(server, "ann") == 401, 5, "it expires")
    assert datetime.now(timezone.utc) >= at


@quick
def test_what_goes_without_a_key_is_read_again(serve, sqlite, folder):
    file = KeyFile(folder, ann="*")
    (folder / "settings").write_text("ROWLOCK_ANONYMOUS=orders:read\n")
    server = serve("--settings", folder / "settings", "--api-keys", file.path, database=sqlite)
    assert ask(server, None) == 200
    (folder / "settings").write_text("\n")
    server.signal(signal.SIGHUP)
    until(lambda: ask(server, None) == 401, 5, "nothing goes without a key")


# ---- event streams ----

def stream(server, name=None, query=""):
    return EventStream(server.address, query, headers=bearer(name) if name else {}).begun()


@quick
@pytest.mark.parametrize("lines", [(), [line("ann", "users")], [line("ann", "orders", "expires=2020-01-01")], [line("ann", "orders takers=own")]], ids=["removed", "without the scope", "expired", "bound"])
def test_the_event_stream_of_a_key_that_no_longer_counts_ends(serve, sqlite, folder, lines):
    file = KeyFile(folder, all="*", ann="orders")
    server = serve("--api-keys", file.path, database=sqlite)
    with stream(server, "ann") as gone, stream(server, "all") as stays:
        file.write(ALL, *lines)
        assert gone.next(3) is None and gone.whole
        with Connection(server.address) as connection:
            connection.request("POST", "/orders", {"origin": [1, 2], "destination": [3, 4]}, bearer("all"))
        assert stays.next().kind == "placed"


@quick
def test_the_event_stream_of_a_key_that_expires_ends(serve, sqlite, folder):
    at = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=3 * SLOW)
    server = serve("--api-keys", KeyFile(folder, ann=f"orders expires={at:%Y-%m-%dT%H:%M:%SZ}").path, database=sqlite)
    with stream(server, "ann") as gone:
        assert gone.next(6) is None and gone.whole
    assert datetime.now(timezone.utc) >= at


@quick
def test_event_streams_without_a_key_end_when_they_need_one(serve, sqlite, folder):
    (folder / "settings").write_text("ROWLOCK_ANONYMOUS=orders:read\n")
    server = serve("--settings", folder / "settings", "--api-keys", KeyFile(folder, all="*").path, database=sqlite)
    with stream(server) as gone, stream(server, "all") as stays:
        (folder / "settings").write_text("\n")
        server.signal(signal.SIGHUP)
        assert gone.next(3) is None and gone.whole
        with pytest.raises(TimeoutError):
            stays.next(1)


# ---- many keys ----

@pytest.mark.alone
@pytest.mark.plain
def test_a_million_keys(serve, sqlite, folder):
    """They fit into 100 MB, and are read while requests are answered."""
    def resident(server):
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{server.pid}/status").read())[1])

    file = KeyFile(folder, all="*")
    server = serve("--api-keys", file.path, database=sqlite)
    ask(server, "all")
    before = resident(server)
    with open(file.path.with_name("many"), "w") as many:
        many.write(ALL + "\n")
        many.writelines(line(f"key-{number:06}", "orders:read orders:take rate=100/s", key=str(number)) + "\n" for number in range(1_000_000))
    os.replace(file.path.with_name("many"), file.path)
    took, end = [], time.monotonic() + 20 * SLOW
    while not any(each["message"] == "API keys read" for each in server.lines()):
        begun = time.monotonic()
        assert ask(server, "all") == 200 and begun < end
        took.append(time.monotonic() - begun)
    assert sorted(took)[-1 - len(took) // 100] < 0.1 * SLOW, took
    assert resident(server) - before < 100_000_000
    assert gauge(server, "rowlock_api_keys") == 1_000_001
    file.write(ALL)
    until(lambda: gauge(server, "rowlock_api_keys") == 1, 5, "they are gone")
