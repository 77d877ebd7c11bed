"""--trusted-proxies: whose address counts as the client's, as the log shows it."""

import pytest

from support.nginx import Nginx
from support.port import need_ipv6
from support.program import run
from support.rawhttp import Api, Connection
from support.wait import settled, until

pytestmark = pytest.mark.quick

LIST = "/orders?page=1&limit=1"
UNCLEAR = "a trusted proxy passes on a Forwarded or X-Forwarded-For that is malformed, or two that differ; its own address counts"


@pytest.fixture(params=["evhttp", "direct"])
def engine(request):
    return request.param


def asker(server, api=None):
    """asked(fields…): the client that the log names for a request with these fields."""
    numbers = iter(range(1000))

    def asked(*fields):
        name = f"asked-{next(numbers)}"
        (api or server.api).call("GET", LIST, headers=[*fields, ("X-Request-Id", name)])
        line, = until(lambda: [line for line in server.lines() if line.get("request_id") == name], 5, "its line in the log")
        return line.get("client")

    return asked


def forwarded(value):
    return ("Forwarded", value)


def usual(value):
    return ("X-Forwarded-For", value)


def test_whoever_is_not_trusted_speaks_for_himself(serve, sqlite, engine):
    for flags in ((), ("--trusted-proxies", "10.0.0.0/8,unix,::/0")):
        asked = asker(serve("--access-log", "--http", engine, *flags, database=sqlite))
        assert asked() == asked(usual("192.0.2.1")) == asked(forwarded("for=192.0.2.1")) == "127.0.0.1"


def test_a_trusted_proxy_says_who_asks(serve, sqlite, engine):
    server = serve("--access-log", "--http", engine, "--trusted-proxies", "127.0.0.0/8, 10.0.0.0/8", database=sqlite)
    asked = asker(server)
    assert asked() == "127.0.0.1"
    assert asked(usual("192.0.2.1")) == "192.0.2.1"
    assert asked(usual("192.0.2.9, 192.0.2.1, 10.0.0.7")) == "192.0.2.1"
    assert asked(usual("192.0.2.9"), usual("192.0.2.1"), usual("10.0.0.7")) == "192.0.2.1"
    assert asked(forwarded('for=192.0.2.9, for="[2001:db8::1]:4711";proto=https, for=10.0.0.7')) == "2001:db8::1"
    assert asked(usual("192.0.2.1, unknown")) == asked(forwarded("for=_hidden")) == asked(usual("," * 8000)) == "127.0.0.1"
    assert server.told(UNCLEAR) == []
    # one of the two comes from the client: nobody can say which
    assert asked(usual("192.0.2.1"), forwarded("for=192.0.2.9")) == "127.0.0.1"
    assert asked(forwarded('for="192.0.2.9, for=192.0.2.1')) == "127.0.0.1"
    line, = server.told(UNCLEAR, 1)
    assert line["level"] == "warn" and line["proxy"] == "127.0.0.1"
    assert asked(usual("192.0.2.1"), forwarded("for=192.0.2.1")) == "192.0.2.1"


def test_peers_of_a_unix_socket_are_trusted_by_that_word(serve, sqlite, engine, folder):
    for at, (flags, client) in enumerate(((("--trusted-proxies", "unix"), "192.0.2.1"), (("--trusted-proxies", "0.0.0.0/0,::/0"), "unix"))):
        path = f"unix:{folder}/{at}"
        server = serve("--access-log", "--http", engine, *flags, database=sqlite, listen=("127.0.0.1:0", path))
        asked = asker(server, Api(path))
        assert (asked(), asked(usual("192.0.2.1"))) == ("unix", client)


def test_a_client_of_ipv6(serve, sqlite, engine):
    need_ipv6()
    assert asker(serve("--access-log", "--http", engine, database=sqlite, listen=("[::1]:0",)))() == "::1"


def test_what_was_no_request_has_the_address_of_its_peer(serve, sqlite):
    server = serve("--access-log", "--trusted-proxies", "127.0.0.1", database=sqlite)
    with Connection(server.address) as connection:
        connection.send(b"GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert connection.response().status == 400
    lines = until(lambda: [line for line in server.told("request") if line["status"] == 400], 5, "its line in the log")
    assert [line["client"] for line in lines] == ["127.0.0.1"]


@pytest.mark.parametrize("value", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "*", "10.0.0.0/8 nobody", "unix:/run/x"])
def test_what_names_no_proxies_is_refused(value):
    done = run("serve", "--trusted-proxies", value)
    assert done.returncode == 2 and done.stderr.startswith("rowlock: --trusted-proxies: ") and value in done.stderr, done.stderr


@pytest.mark.plain
@pytest.mark.parametrize("believed, client", [("127.0.0.1", "192.0.2.7"), ("192.0.2.1", "127.0.0.1")])
def test_the_server_hears_who_asks_from_nginx_alone(serve, sqlite, believed, client):
    """What a client says of itself does not pass; what a proxy in front of nginx says does, if nginx believes it (REAL_IP_FROM)."""
    server = serve("--access-log", "--trusted-proxies", "127.0.0.1", database=sqlite)
    nginx = Nginx(server.address, REAL_IP_FROM=believed)
    try:
        for at, forged in enumerate(({}, {"Forwarded": "for=192.0.2.9"}, {"X-Real-IP": "192.0.2.9"})):
            nginx.api.get("/orders?page=1&limit=1", {"X-Forwarded-For": "192.0.2.7", "X-Request-Id": f"asked-{at}", **forged})
    finally:
        nginx.close()
    settled(lambda: [line["client"] for line in server.lines() if line.get("request_id", "").startswith("asked")], [client] * 3)
