"""
One caller asks for a hundred times its share. What it does to the others, and to what is done in all.

Callers are told apart by their addresses, of which loopback has many; each is a generator of its own. All read orders, because that needs
no fresh table each time, and a read travels in sets as a take does.
"""

import json
import subprocess
from statistics import median

from rig.contestants import Rowlock

OTHERS, SHARE, GREED = 8, 8, 100        # other callers; connections of each; how many times its share the one asks for
MANY = (64, 128, 256)                   # connections of one caller among which the best is looked for
BEYOND = 10                             # times the connections of the best: so much more is asked for than can be done
P99, WORK = 1.1, 0.95                   # required: at most, at least


def start(load, port, caller, connections, orders, seconds, warmup):
    command = [load, "--port", str(port), "--mode", "read", "--ids", "random", "--first", "1", "--last", str(orders),
               "--connections", str(connections), "--seconds", str(seconds), "--warmup", str(warmup), "--from", f"127.0.1.{caller}"]
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def run(callers, **how):
    """callers: {caller: connections}, all at once. What each of them saw, in that order."""
    running = [start(caller=caller, connections=connections, **how) for caller, connections in callers.items()]
    seen = [json.loads(one.communicate()[0]) for one in running]
    for one in seen:
        wrong = set(one["codes_all"]) - {"200", "503"}
        if wrong or one["lost"]:
            raise RuntimeError(f"fairness: unexpected answers: {one}")
    return seen


def work(seen):
    """Orders that were read a second, by all."""
    return sum(one["codes"].get("200", 0) / one["seconds"] for one in seen)


def others(one):
    """The others and the one, who has so many connections."""
    return {caller: SHARE for caller in range(2, OTHERS + 2)} | {1: one}


def measure(desk, load, serve, rounds, seconds, warmup, say=lambda text: None):
    """{p99: how the others' p99 changes, work: what is done beyond the capacity, to the best} of each round."""
    found = {"p99": [], "work": [], "refused": []}
    desk.ready()
    server = Rowlock(desk.url, serve)
    try:
        how = {"load": load, "port": server.port, "orders": desk.orders, "seconds": seconds, "warmup": warmup}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}: fairness")
            alone, beside = (run(others(connections), **how) for connections in (SHARE, GREED * SHARE))
            best, clients = max((work(run({1: clients}, **how)), clients) for clients in MANY)
            beyond = run({1: BEYOND * clients - OTHERS * SHARE} | {caller: SHARE for caller in range(2, OTHERS + 2)}, **how)
            found["p99"].append(median(one["p99_us"] for one in beside[:-1]) / median(one["p99_us"] for one in alone[:-1]))
            found["work"].append(work(beyond) / best)
            found["refused"].append(sum(one["codes"].get("503", 0) for one in beside[:-1] + beyond[1:]))
    finally:
        server.end()
    return found


def verdicts(found):
    p99, done, refused = median(found["p99"]), median(found["work"]), max(found["refused"])
    return [(f"p99 of {OTHERS} callers when one more sends {GREED} times its share", f"{p99:.3g} x", f"under {P99} x", p99 < P99),
            ("... of their requests that were refused", str(refused), "none", refused == 0),
            (f"all that is done when {BEYOND} times as much is asked for, to the best", f"{done:.3g} x", f"at least {WORK} x", done >= WORK)]
