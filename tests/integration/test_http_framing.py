"""Where one request ends and the next begins: what is ambiguous is refused and the connection closed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.expect import problem
from support.program import HEADROOM
from support.rawhttp import Connection, ProtocolError, request_bytes

pytestmark = pytest.mark.quick

BODY = '{"origin":[1,2],"destination":[3,4]}'
SMUGGLED = "GET /health HTTP/1.1\r\nHost: test\r\nX-Request-Id: smuggled\r\n\r\n"


def refused(server, data, *statuses):
    """One answer, with one of these statuses, and then the end."""
    with Connection(server.address) as connection:
        connection.send(data)
        answer = connection.response()
        problem(answer, statuses)
        assert answer.header("X-Request-Id") != "smuggled"
        assert answer.closes, answer.headers
        assert connection.ended(), "the connection stays open"


def head(*fields, method="POST", target="/orders", version="HTTP/1.1", host="Host: test\r\n"):
    return f"{method} {target} {version}\r\n{host}" + "".join(field + "\r\n" for field in fields) + "\r\n"


LENGTH = len(BODY)

AMBIGUOUS_LENGTH = {
    "two equal lengths": head(f"Content-Length: {LENGTH}", f"Content-Length: {LENGTH}") + BODY,
    "two different lengths": head(f"Content-Length: {LENGTH}", "Content-Length: 5") + BODY,
    "a list of equal lengths": head(f"Content-Length: {LENGTH}, {LENGTH}") + BODY,
    "a list of lengths": head(f"Content-Length: 5, {LENGTH}") + BODY,
    "a space before the colon": head(f"Content-Length : {LENGTH}") + BODY,
    "a tab before the colon": head(f"Content-Length\t: {LENGTH}") + BODY,
    "a plus": head(f"Content-Length: +{LENGTH}") + BODY,
    "a minus": head(f"Content-Length: -{LENGTH}") + BODY,
    "minus nought": head("Content-Length: -0"),
    "hexadecimal": head("Content-Length: 0x24") + BODY,
    "a fraction": head(f"Content-Length: {LENGTH}.0") + BODY,
    "an exponent": head("Content-Length: 3e1") + BODY,
    "nothing": head("Content-Length:") + BODY,
    "a word": head("Content-Length: many") + BODY,
    "digits and a word": head(f"Content-Length: {LENGTH} bytes") + BODY,
    "digits apart": head("Content-Length: 3 6") + BODY,
    "a vertical tab": head(f"Content-Length: \x0b{LENGTH}") + BODY,
    "quotes": head(f'Content-Length: "{LENGTH}"') + BODY,
    "a length and an empty one": head(f"Content-Length: {LENGTH}", "Content-Length:") + BODY,
    "superscript digits": head("Content-Length: \xb2\xb3") + BODY,
}


@pytest.mark.parametrize("case", AMBIGUOUS_LENGTH)
def test_an_ambiguous_content_length_is_refused(server, case):
    refused(server, AMBIGUOUS_LENGTH[case] + SMUGGLED, 400)


@pytest.mark.parametrize("length", ["99999999999999999999999", "18446744073709551652", "9223372036854775807", "4294967332"])
def test_a_content_length_beyond_all_bounds_is_refused(server, length):
    refused(server, head(f"Content-Length: {length}") + BODY, 400, 413)


CHUNKED = f"{LENGTH:x}\r\n{BODY}\r\n0\r\n\r\n"

AMBIGUOUS_CODING = {
    "chunked and a length": head("Transfer-Encoding: chunked", f"Content-Length: {LENGTH}") + CHUNKED,
    "a length and chunked": head(f"Content-Length: {LENGTH}", "Transfer-Encoding: chunked") + CHUNKED,
    "chunked and length nought": head("Content-Length: 0", "Transfer-Encoding: chunked") + CHUNKED,
    "chunked twice": head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + CHUNKED,
    "chunked twice in a list": head("Transfer-Encoding: chunked, chunked") + CHUNKED,
    "chunked and identity": head("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + CHUNKED,
    "chunked, identity": head("Transfer-Encoding: chunked, identity") + CHUNKED,
    "xchunked": head("Transfer-Encoding: xchunked") + CHUNKED,
    "chunkedx": head("Transfer-Encoding: chunkedx") + CHUNKED,
    "chunked in quotes": head('Transfer-Encoding: "chunked"') + CHUNKED,
    "a parameter": head("Transfer-Encoding: chunked;q=1") + CHUNKED,
    "a vertical tab": head("Transfer-Encoding: \x0bchunked") + CHUNKED,
    "a space before the colon": head("Transfer-Encoding : chunked") + CHUNKED,
    "a folded value": head("Transfer-Encoding:\r\n chunked") + CHUNKED,
    "an empty value": head("Transfer-Encoding:") + CHUNKED,
    "gzip": head("Transfer-Encoding: gzip") + CHUNKED,
    "gzip, chunked": head("Transfer-Encoding: gzip, chunked") + CHUNKED,
    "identity": head("Transfer-Encoding: identity") + CHUNKED,
    "chunked in HTTP/1.0": head("Transfer-Encoding: chunked", version="HTTP/1.0") + CHUNKED,
}


@pytest.mark.parametrize("case", AMBIGUOUS_CODING)
def test_an_ambiguous_transfer_coding_is_refused(server, case):
    refused(server, AMBIGUOUS_CODING[case] + SMUGGLED, 400, 501)


CODINGS = {
    "chunked, gzip": 400, "chunked,br": 400, "gzip, chunked, br": 400, "chunked , chunked": 400, "chunked,": 400, ",chunked": 400, ",": 400, '"chunked"': 400,
    "chunked;a=b": 400, "chunked ; a": 400, "(chunked)": 400, "chunked\r\nTransfer-Encoding: gzip": 400, "chunked\r\nX: y\r\nTransfer-Encoding: chunked": 400,
    "gzip\r\nTransfer-Encoding: chunked": 501, "gzip;q=1, chunked": 501, "deflate": 400, "identity": 400, "CHUNKED, gzip": 400,
}


@pytest.mark.parametrize("value", CODINGS)
def test_chunked_is_the_last_transfer_coding_or_the_request_is_malformed(server, value):
    refused(server, head(f"Transfer-Encoding: {value}") + CHUNKED + SMUGGLED, CODINGS[value])
    with Connection(server.address) as connection:
        connection.send(head(f"Transfer-Encoding: {value}") + CHUNKED)
        problem(connection.response(), CODINGS[value], "transfer")


def test_an_unknown_transfer_coding_is_501_and_400_where_it_comes_last(server):
    refused(server, head("Transfer-Encoding: gzip, chunked") + CHUNKED, 501)
    refused(server, head("Transfer-Encoding: br, chunked") + CHUNKED, 501)
    refused(server, head("Transfer-Encoding: br") + CHUNKED, 400)


MALFORMED_HEADS = {
    "bare LF everywhere": "GET /health HTTP/1.1\nHost: test\n\n",
    "bare LF after the request line": "GET /health HTTP/1.1\nHost: test\r\n\r\n",
    "bare LF after a field": "GET /health HTTP/1.1\r\nHost: test\nX: y\r\n\r\n",
    "bare LF as the empty line": "GET /health HTTP/1.1\r\nHost: test\r\n\n",
    "bare CR in the request line": "GET /health\r HTTP/1.1\r\nHost: test\r\n\r\n",
    "bare CR in a field": "GET /health HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n",
    "two CR": "GET /health HTTP/1.1\r\r\nHost: test\r\n\r\n",
    "NUL in the method": "G\0ET /health HTTP/1.1\r\nHost: test\r\n\r\n",
    "NUL in the target": "GET /hea\0lth HTTP/1.1\r\nHost: test\r\n\r\n",
    "NUL in a field name": "GET /health HTTP/1.1\r\nHost: test\r\nX\0: y\r\n\r\n",
    "NUL in a field value": "GET /health HTTP/1.1\r\nHost: test\r\nX: y\0z\r\n\r\n",
    "a line that begins with NUL": "GET /health HTTP/1.1\r\nHost: test\r\n\0\r\n\r\n",
    "a control character in the target": "GET /hea\x01lth HTTP/1.1\r\nHost: test\r\n\r\n",
    "DEL in the target": "GET /health\x7f HTTP/1.1\r\nHost: test\r\n\r\n",
    "a tab in the target": "GET /health\tx HTTP/1.1\r\nHost: test\r\n\r\n",
    "bytes beyond ASCII in the target": "GET /h\xe9 HTTP/1.1\r\nHost: test\r\n\r\n",
    "a space in the target": "GET /health x HTTP/1.1\r\nHost: test\r\n\r\n",
    "two spaces before the target": "GET  /health HTTP/1.1\r\nHost: test\r\n\r\n",
    "two spaces before the version": "GET /health  HTTP/1.1\r\nHost: test\r\n\r\n",
    "a space after the version": "GET /health HTTP/1.1 \r\nHost: test\r\n\r\n",
    "a tab for a space": "GET\t/health HTTP/1.1\r\nHost: test\r\n\r\n",
    "a space before the method": " GET /health HTTP/1.1\r\nHost: test\r\n\r\n",
    "no target": "GET HTTP/1.1\r\nHost: test\r\n\r\n",
    "only a method": "GET\r\n\r\n",
    "a colon in the method": "GE:T /health HTTP/1.1\r\nHost: test\r\n\r\n",
    "no Host": "GET /health HTTP/1.1\r\n\r\n",
    "no Host but others": "GET /health HTTP/1.1\r\nX: y\r\n\r\n",
    "two Hosts": "GET /health HTTP/1.1\r\nHost: test\r\nHost: test\r\n\r\n",
    "two different Hosts": "GET /health HTTP/1.1\r\nHost: test\r\nhost: other\r\n\r\n",
    "two Hosts in HTTP/1.0": "GET /health HTTP/1.0\r\nHost: test\r\nHost: other\r\n\r\n",
    "a folded field": "GET /health HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n",
    "a folded field by tab": "GET /health HTTP/1.1\r\nHost: test\r\nX: a\r\n\tb\r\n\r\n",
    "a folded first field": "GET /health HTTP/1.1\r\n Host: test\r\n\r\n",
    "a blank continuation": "GET /health HTTP/1.1\r\nHost: test\r\n \r\n\r\n",
    "a space before a colon": "GET /health HTTP/1.1\r\nHost : test\r\n\r\n",
    "an empty name": "GET /health HTTP/1.1\r\nHost: test\r\n: y\r\n\r\n",
    "no colon": "GET /health HTTP/1.1\r\nHost: test\r\nnonsense\r\n\r\n",
    "a space in a name": "GET /health HTTP/1.1\r\nHost: test\r\nX Y: z\r\n\r\n",
    "a control character in a name": "GET /health HTTP/1.1\r\nHost: test\r\nX\x01: z\r\n\r\n",
    "bytes beyond ASCII in a name": "GET /health HTTP/1.1\r\nHost: test\r\nX\xe9: z\r\n\r\n",
    "a slash in a name": "GET /health HTTP/1.1\r\nHost: test\r\nX/Y: z\r\n\r\n",
    "a control character in a value": "GET /health HTTP/1.1\r\nHost: test\r\nX: a\x08b\r\n\r\n",
    "DEL in a value": "GET /health HTTP/1.1\r\nHost: test\r\nX: a\x7fb\r\n\r\n",
}


@pytest.mark.parametrize("case", MALFORMED_HEADS)
def test_a_malformed_head_is_refused(server, case):
    refused(server, MALFORMED_HEADS[case] + SMUGGLED, 400)


# tests/unit/test_http_host.c has many more
BAD_HOSTS = ["a b", "a/b", "u@a", "u:p@a", "a, b", "a,b", "a,", "[::1", "::1", "[::1]x", "[]", "[a]", "[::1%25eth0]", "[v1]", "<script>", "a\"b", "a\\b", "{a}",
             "a|b", "a?b", "a#b", "http://a", "a:b", "a:-1", "a:65536", "a:80:80", "a: 80", ":80", "a%", "a%2", "a%zz", "a%00", "\xe4.org", "a\tb"]
GOOD_HOSTS = ["a", "a:80", "a:", "a:0", "a:65535", "a:0080", "a_b", "a.", "a!$&'()*+;=~b", "a%20b", "%C3%A4.org:1", "127.0.0.1:8080", "[::1]", "[::1]:8080",
              "[::ffff:1.2.3.4]:1", "[v1.x:y]", "",  # nothing is what a target without an authority has
              ]


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_none_is_refused_by_name(server, host):
    for version, target in (("1.1", "/health"), ("1.0", "/health"), ("1.1", "http://test/health")):
        data = f"GET {target} HTTP/{version}\r\nHost: {host}\r\n\r\n"
        refused(server, data + SMUGGLED, 400)
        with Connection(server.address) as connection:
            connection.send(data)
            problem(connection.response(), 400, "Host")


@pytest.mark.parametrize("host", [""] + [host for host in BAD_HOSTS if not set("/?") & set(host)])      # those end the authority
def test_an_absolute_target_with_a_bad_authority_is_refused(server, host):
    for scheme in ("http", "https", "HTTP"):
        refused(server, f"GET {scheme}://{host}/health HTTP/1.1\r\nHost: test\r\n\r\n" + SMUGGLED, 400)


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_a_host_by_the_grammar_is_served(server, host):
    with Connection(server.address) as connection:
        connection.send(f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert connection.response().status == 200
        if host:
            connection.send(f"GET http://{host}/health HTTP/1.1\r\nHost: other\r\n\r\n")
            assert connection.response().status == 200
            connection.send(f"GET https://{host} HTTP/1.1\r\nHost:\r\n\r\n")
            assert connection.response().status in (200, 404)


@pytest.mark.parametrize("target", ["ftp://test/health", "ws://test/health", "http:/health", "http:health", "https:test/health", "test/health", "test:80",
                                    "file:///health", "httpx://test/health", "http//test/health", "*health", "health"])
def test_a_target_of_another_form_is_refused(server, target):
    refused(server, f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n" + SMUGGLED, 400)


@pytest.mark.parametrize("version, statuses", [
    ("HTTP/2.0", (505,)), ("HTTP/3.0", (505,)), ("HTTP/0.9", (505,)), ("HTTP/9.9", (505,)),
    ("HTTP/1", (400, 505)), ("HTTP/11", (400, 505)), ("HTTP/1.1x", (400, 505)), ("HTTP/1.10", (400, 505)), ("HTTP/-1.-1", (400, 505)),
    ("HTTP/+1.1", (400, 505)), ("http/1.1", (400, 505)), ("HTTP/1,1", (400, 505)), ("HTTPS/1.1", (400, 505)), ("HTTP 1.1", (400, 505)),
    ("ICY/1.0", (400, 505)), ("HTTP/", (400, 505)),
])
def test_other_versions_are_refused_in_the_words_of_our_own(server, version, statuses):
    refused(server, f"GET /health {version}\r\nHost: test\r\n\r\n" + SMUGGLED, *statuses)


@pytest.mark.parametrize("minor", range(2, 10))
def test_higher_minor_versions_are_served_as_1_1(server, minor):
    with Connection(server.address) as connection:
        for _ in range(2):      # which is kept
            answer = connection.request("GET", "/health", version=f"HTTP/1.{minor}")
            assert (answer.status, answer.version) == (200, "HTTP/1.1") and not answer.closes
        connection.send(chunked(CHUNKED).replace("HTTP/1.1", f"HTTP/1.{minor}"))
        assert connection.response().status == 200
    refused(server, f"GET /health HTTP/1.{minor}\r\n\r\n", 400)     # Host is as necessary


@pytest.mark.parametrize("preface", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500 + b"\r\n\r\n",
                                     b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"EHLO test\r\n\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f\r\n\r\n", b"GET /health\r\n\r\n",
                                     b"\x80\r\n\r\n", b"{}\r\n\r\n"])
def test_other_protocols_are_refused(server, preface):
    with Connection(server.address) as connection:
        connection.send(preface)
        problem(connection.response(), (400, 505))
        assert connection.ended()


# ---- chunks ----

def chunked(body, *fields):
    return head("Transfer-Encoding: chunked", "Content-Type: application/json", *fields) + body


GOOD_CHUNKS = {
    "one chunk": CHUNKED,
    "a byte a chunk": "".join(f"1\r\n{char}\r\n" for char in BODY) + "0\r\n\r\n",
    "leading noughts": f"0000{LENGTH:x}\r\n{BODY}\r\n000\r\n\r\n",
    "capital digits": f"1A\r\n{BODY[:26]}\r\n{LENGTH - 26:X}\r\n{BODY[26:]}\r\n0\r\n\r\n",
    "trailers": f"{LENGTH:x}\r\n{BODY}\r\n0\r\nX-Checksum: 1\r\nX-Request-Id: trailer\r\n\r\n",
    "forty leading noughts": f"{LENGTH:040x}\r\n{BODY}\r\n{0:040x}\r\n\r\n",
    "white space around extensions": f"{LENGTH:x} ;a=b\t; c = d\r\n{BODY}\r\n0 ;e\r\n\r\n",
    "quoted extensions": f'{LENGTH:x};a="";b="c;d\\"\\\\ \xe9"\r\n{BODY}\r\n0;e="f"\r\n\r\n',
    "empty trailers": f"{LENGTH:x}\r\n{BODY}\r\n0\r\nA:\r\nB: \t\r\n\r\n",
    "trailers that mean nothing there": f"{LENGTH:x}\r\n{BODY}\r\n0\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\nConnection: close\r\n\r\n",
    "an extension": f"{LENGTH:x};name=value\r\n{BODY}\r\n0;last\r\n\r\n",
}


@pytest.mark.parametrize("case", GOOD_CHUNKS)
def test_a_chunked_body_is_read_and_the_next_request_follows(server, case):
    with Connection(server.address) as connection:
        connection.send(chunked(GOOD_CHUNKS[case], "X-Request-Id: mine") + SMUGGLED)
        answer = connection.response()
        assert answer.status == 200 and answer.json()["status"] == "UNASSIGNED", answer
        assert answer.header("X-Request-Id") == "mine"
        assert connection.response().header("X-Request-Id") == "smuggled"


def test_the_name_of_the_coding_is_compared_without_case(server):
    with Connection(server.address) as connection:
        connection.send(head("TRANSFER-ENCODING: Chunked") + CHUNKED)
        assert connection.response().status == 200


BAD_CHUNKS = {
    "0x before the size": f"0x{LENGTH:x}\r\n{BODY}\r\n0\r\n\r\n",
    "a plus": f"+{LENGTH:x}\r\n{BODY}\r\n0\r\n\r\n",
    "a minus": f"-{LENGTH:x}\r\n{BODY}\r\n0\r\n\r\n",
    "a leading space": f" {LENGTH:x}\r\n{BODY}\r\n0\r\n\r\n",
    "junk after the size": f"{LENGTH:x} junk\r\n{BODY}\r\n0\r\n\r\n",
    "a NUL after the size": f"{LENGTH:x}\0zz\r\n{BODY}\r\n0\r\n\r\n",
    "an underscore": f"{LENGTH:x}_0\r\n{BODY}\r\n0\r\n\r\n",
    "no size": f"\r\n{BODY}\r\n0\r\n\r\n",
    "no hexadecimal": f"zz\r\n{BODY}\r\n0\r\n\r\n",
    "a size of 17 digits": f"{LENGTH:017x}x\r\n{BODY}\r\n0\r\n\r\n",
    "a size beyond 64 bits": f"10000000000000024\r\n{BODY}\r\n0\r\n\r\n",
    "bare LF after the size": f"{LENGTH:x}\n{BODY}\r\n0\r\n\r\n",
    "no CRLF after the data": f"{LENGTH:x}\r\n{BODY}0\r\n\r\n",
    "bare LF after the data": f"{LENGTH:x}\r\n{BODY}\n0\r\n\r\n",
    "more data than said": f"{LENGTH - 1:x}\r\n{BODY}\r\n0\r\n\r\n",
    "an extra empty line": f"{LENGTH:x}\r\n{BODY}\r\n\r\n0\r\n\r\n",
    "a bad trailer": f"{LENGTH:x}\r\n{BODY}\r\n0\r\n: x\r\n\r\n",
    "a folded trailer": f"{LENGTH:x}\r\n{BODY}\r\n0\r\n x\r\n\r\n",
    "a control character in an extension": f"{LENGTH:x};a=\x01\r\n{BODY}\r\n0\r\n\r\n",
}


for number, extension in enumerate([";[=b", ";", "; ", ";;a", ";a;", ";=b", ";a=", ";a= ", ";a==b", ";a=b=c", ";a b", ";a=b c", " ", "\t", " a", ";a ", ";a=b ",
                                    ';a="b', ';a="b"c', ';a="b\\"', ';a="\x01"', ';"a"', ';a=b"c"', ";\xe9", ";a=\xe9", ";a\n", ';a="\n"', ";(a)", ";a=b,c"]):
    BAD_CHUNKS[f"extension {number}"] = f"{LENGTH:x}{extension}\r\n{BODY}\r\n0\r\n\r\n"
    BAD_CHUNKS[f"extension {number} at the end"] = f"{LENGTH:x}\r\n{BODY}\r\n0{extension}\r\n\r\n"
for number, trailer in enumerate(["no colon", "x", "a b: c", "a : c", "a\t: c", ": c", "[a]: c", "a: \x01", "a: \x7f", "a: b\x00", "a: b\r", "a: b\rc", "a: b\n",
                                  "a: b\r\n folded", "a: b\r\n\tfolded", "a: b\r\nno colon", "\xe9: c", " a: b", "a: b\r\n: c"]):
    BAD_CHUNKS[f"trailer {number}"] = f"{LENGTH:x}\r\n{BODY}\r\n0\r\n{trailer}\r\n\r\n"


@pytest.mark.parametrize("case", BAD_CHUNKS)
def test_malformed_chunks_are_refused(server, case):
    refused(server, chunked(BAD_CHUNKS[case]) + SMUGGLED, 400, 413)


def test_a_chunked_body_over_64_kib_is_413(server):
    piece = "1000\r\n" + " " * 4096 + "\r\n"
    refused(server, chunked(piece * 17), 413)
    refused(server, chunked("20000\r\n"), 413)
    refused(server, chunked("ffffffff\r\n"), 413)


def test_a_chunked_body_of_64_kib_is_read(server):
    with Connection(server.address) as connection:
        connection.send(chunked(f"{LENGTH:x}\r\n{BODY}\r\n{65536 - LENGTH:x}\r\n" + " " * (65536 - LENGTH) + "\r\n0\r\n\r\n"))
        assert connection.response().status == 200


@pytest.mark.parametrize("endless", ["1" * 300000, "5;" + "x" * 300000, "0\r\n" + "X: y\r\n" * 50000, "0\r\nX: " + "y" * 300000, "1;x\r\n \r\n" * 60000],
                         ids=["size", "extension", "trailers", "trailer", "extensions"])
def test_chunks_without_end_are_cut_off(server, endless):
    before = server.resident()
    with Connection(server.address) as connection:
        try:
            connection.send(chunked(endless))
            problem(connection.response(), (400, 413, 431))
        except ConnectionError:
            pass
    assert server.resident() - before < (4 << 20) + HEADROOM


# ---- bodies where none are expected ----

@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "TRACE", "OPTIONS", "BREW"])
def test_the_body_of_a_request_that_needs_none_is_never_read_as_a_request(server, method):
    with Connection(server.address) as connection:
        connection.send(f"{method} /health HTTP/1.1\r\nHost: test\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}")
        first = connection.response(method)
        assert first.header("X-Request-Id") != "smuggled"
        if first.closes:
            assert connection.ended()
        else:
            assert connection.request("GET", "/health", headers={"X-Request-Id": "mine"}).header("X-Request-Id") == "mine"


@pytest.mark.parametrize("target", ["/nope", "/health", "/orders/abc", "/orders?x=1"])
def test_the_body_of_a_refused_request_is_never_read_as_a_request(server, target):
    with Connection(server.address) as connection:
        connection.send(f"POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}")
        first = connection.response()
        assert first.status >= 400 and first.header("X-Request-Id") != "smuggled"
        if first.closes:
            assert connection.ended()
        else:
            assert connection.request("GET", "/health", headers={"X-Request-Id": "mine"}).header("X-Request-Id") == "mine"


# ---- what is unusual and right ----

@pytest.mark.parametrize("data", [
    "GET /health HTTP/1.1\r\nhost: test\r\n\r\n", "GET /health HTTP/1.1\r\nHOST:test\r\n\r\n", "GET /health HTTP/1.1\r\nHost: \t test \t \r\n\r\n",
    "GET /health HTTP/1.1\r\nHost:\r\n\r\n", "GET /health HTTP/1.1\r\nHost: test\r\nX-Empty:\r\n\r\n",
    "GET /health HTTP/1.1\r\nHost: test\r\nX-Latin: caf\xe9\r\n\r\n", "GET /health HTTP/1.1\r\nHost: test\r\n!#$%&'*+-.^_`|~09: y\r\n\r\n",
    "GET /health HTTP/1.1\r\nHost: test\r\nX: a:b: c\r\n\r\n", "GET /health HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
    "GET /health HTTP/1.1\r\nHost: test\r\nContent-Length: 000\r\n\r\n", "GET /health HTTP/1.0\r\n\r\n", "GET /health? HTTP/1.1\r\nHost: test\r\n\r\n",
    "\r\nGET /health HTTP/1.1\r\nHost: test\r\n\r\n",
])
def test_unusual_requests_that_are_right_are_served(server, data):
    with Connection(server.address) as connection:
        connection.send(data)
        answer = connection.response()
        assert answer.status == 200 and answer.body == b"UP\n", answer


# ---- anything at all ----

PIECES = st.sampled_from([b"GET ", b"POST ", b"/health", b"/orders", b" HTTP/1.1", b"\r\n", b"\n", b"\r", b"Host: test", b": ", b" ", b"\0", b"\t",
                          b"Content-Length: ", b"5", b"Transfer-Encoding: chunked", b"0\r\n\r\n", b"{}", b"%", b"Expect: 100-continue",
                          b"Connection: close", b"\xff", b"http://", b"?", b"HTTP/1.0", b"OPTIONS * HTTP/1.1\r\n", b"HTTP/1.7", b"5;a=\"b\"\r\nhello\r\n",
                          b"0\r\nX: y\r\n\r\n", b", gzip", b"Origin: null", b"[::1]", b"@"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(pieces=st.lists(PIECES | st.binary(max_size=4), max_size=30))
def test_whatever_the_bytes_the_answers_are_well_formed_and_the_server_lives(server, pieces):
    with Connection(server.address) as connection:
        try:
            connection.send(b"".join(pieces))
            connection.half_close()
            while True:
                answer = connection.response()
                assert answer.status < 500 or answer.status in (501, 505), answer
        except ProtocolError as end:
            assert "closed before" in str(end) and "had b''" in str(end), end
        except ConnectionError:
            pass
    with Connection(server.address) as connection:
        connection.send(request_bytes("GET", "/health"))
        assert connection.response().status == 200
