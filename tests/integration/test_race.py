"""Hundreds of takers, one order; and every order exactly one winner."""

import json
import threading

import pytest

from support.crowd import crowd, shuffled, take_request
from support.expect import LOSERS, won
from support.program import SANITIZED, run
from support.rawhttp import request_bytes

ORDERS = 200 if SANITIZED else 2000
CONNECTIONS = 64



def seeded(database, count):
    assert run("seed", "orders", "--total", count, "--database", database.url).returncode == 0
    return [row[0] for row in database.query("SELECT id FROM orders")]


@pytest.mark.quick
def test_of_300_takers_of_one_order_exactly_one_wins(serve, database):
    order, = seeded(database, 1)
    server = serve(database=database)
    answers = crowd(server.address, [[take_request(order, f"t{number}")] for number in range(300)])
    winners = [number for number, (answer,) in enumerate(answers) if won(answer)]
    assert len(winners) == 1
    assert database.query("SELECT status, taker FROM orders") == [("TAKEN", f"t{winners[0]}")]
    assert database.query("SELECT count(*) FROM order_events WHERE event = 'taken'") == [(1,)]


@pytest.mark.quick
def test_of_300_nameless_takers_of_one_order_exactly_one_wins(serve, database):
    order, = seeded(database, 1)
    server = serve(database=database)
    answers = crowd(server.address, [[take_request(order)] for _ in range(300)])
    assert sum(won(answer) for (answer,) in answers) == 1


@pytest.mark.quick
def test_all_requests_of_one_taker_win_together(serve, database):
    order, = seeded(database, 1)
    server = serve(database=database)
    answers = crowd(server.address, [[take_request(order, "ann")] for _ in range(100)])
    outcomes = [won(answer) for (answer,) in answers]
    assert sum(outcomes) >= 1
    assert all(json.loads(body)["error"] == LOSERS[1] for (status, body), in answers if status != 200), "the holder is told that it is taken"
    assert database.query("SELECT count(*) FROM order_events WHERE event = 'taken'") == [(1,)]


@pytest.mark.parametrize("depth", [1, 8], ids=["one at a time", "pipelined"])
def test_64_connections_that_take_every_order_make_exactly_one_winner_each(serve, database, depth):
    orders = seeded(database, ORDERS if depth == 1 else ORDERS // 4)
    server = serve(database=database)
    plans = [shuffled(orders, number) if number % 2 else orders for number in range(CONNECTIONS)]
    answers = crowd(server.address, [[take_request(order, f"t{number}") for order in plan] for number, plan in enumerate(plans)], depth)
    winners = {}
    for number, (plan, replies) in enumerate(zip(plans, answers)):
        for order, answer in zip(plan, replies):
            if won(answer):
                assert order not in winners, f"order {order} was given to t{winners[order]} and to t{number}"
                winners[order] = number
    assert len(winners) == len(orders)
    assert dict(database.query("SELECT id, taker FROM orders WHERE status = 'TAKEN'")) == {order: f"t{number}" for order, number in winners.items()}
    assert database.query("SELECT count(*), count(DISTINCT order_id) FROM order_events WHERE event = 'taken'") == [(len(orders), len(orders))]


def test_two_servers_on_one_database_make_one_winner_each(serve, postgres):
    orders = seeded(postgres, 300)
    servers = [serve(database=postgres), serve(database=postgres)]
    outcome = {}

    def attack(number):
        scripts = [[take_request(order, f"s{number}c{member}") for order in shuffled(orders, member)] for member in range(16)]
        outcome[number] = crowd(servers[number].address, scripts)

    threads = [threading.Thread(target=attack, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won(answer) for answers in outcome.values() for replies in answers for answer in replies) == len(orders)
    assert postgres.query("SELECT count(*) FROM orders WHERE status = 'TAKEN'") == [(len(orders),)]


def test_takes_and_releases_at_once_never_leave_two_holders(serve, database):
    """Everybody takes and releases the same few orders; the journal must alternate taken and released, by the same taker."""
    orders = seeded(database, 5)
    server = serve(database=database)
    scripts = []
    for number in range(20):
        script = []
        for order in shuffled(orders * 6, number):
            script.append(take_request(order, f"t{number}"))
            script.append(request_bytes("PATCH", f"/orders/{order}", {"status": "UNASSIGNED", "taker": f"t{number}"}))
        scripts.append(script)
    answers = crowd(server.address, scripts, depth=2)
    assert all(status in (200, 400) for replies in answers for status, _ in replies)
    for order in orders:
        holder = None
        for event, taker in database.query("SELECT event, taker FROM order_events WHERE order_id = ? ORDER BY id", order):
            if event == "taken":
                assert holder is None, f"order {order} was taken by {taker} while {holder} held it"
                holder = taker
            elif event == "released":
                assert holder == taker
                holder = None
