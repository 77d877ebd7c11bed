"""Requests to other servers through a proxy, as https_proxy and its like ask for."""

import re
import socket
import threading

import pytest

from support.expect import problem
from support.github import Github
from support.port import free_port
from support.program import run
from support.provider import Provider, google, osrm
from support.proxy import Proxy

pytestmark = pytest.mark.quick

USER = "ann:geheim4711"
TOKEN = "ghp_token4711"
PLACE = {"origin": ["50.456399", "12.707580"], "destination": ["59.436487", "24.747193"]}


@pytest.fixture
def plain(sqlite):
    done = run("migrate", "--database", sqlite.url)
    assert done.returncode == 0, done.stderr
    return sqlite


def seed(database, url="http://hub.test", **env):
    return run("seed", "users", "-t", 3, "--database", database.url, env={"GITHUB_API_URL": url, **env})


def added(done):
    assert done.returncode == 0 and done.stdout.startswith("added 3 users") and done.stderr == "", done


def failed(done, *words):
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1, done
    for word in (*words, "cannot be asked", "--offline"):
        assert word in done.stderr, done.stderr
    assert "geheim4711" not in done.stderr


# ---- which ----

@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("form", ["http://{}", "{}"])
def test_a_plain_address_goes_through_its_proxy_which_looks_up_the_name(plain, variable, form):
    with Github() as github, Proxy({"hub.test": github.host}) as proxy:
        added(seed(plain, **{variable: form.format(proxy.host)}))
        assert [line for line, _ in proxy.asked] == ["GET http://hub.test/users?since=0&per_page=100"]
        assert len(github.requests) == 1


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_a_tls_address_goes_through_a_tunnel(plain, variable):
    """Nobody trusts a certificate of this test, so what goes through is the beginning of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        with Proxy({"hub.test:443": f"127.0.0.1:{upstream.getsockname()[1]}"}, user=USER) as proxy:
            upstream.settimeout(10)
            done = seed(plain, "https://hub.test", GITHUB_TOKEN=TOKEN, **{variable: proxy.url, "ROWLOCK_DEADLINE": "1"})
            failed(done, "hub.test", f"through the proxy {proxy.host}", "added 0 of 3")
            line, headers = proxy.asked[0]
            assert line == "CONNECT hub.test:443" and "proxy-authorization" in headers
            assert "authorization" not in headers, "the token is for GitHub alone"
            assert proxy.first[0][:2] == b"\x16\x03", "a TLS handshake"


def test_a_proxy_of_the_scheme_wins_over_that_of_all(plain):
    with Github() as github, Proxy({"hub.test": github.host}) as proxy, Proxy() as other:
        added(seed(plain, http_proxy=proxy.url, all_proxy=other.url, https_proxy=other.url))
        assert len(proxy.asked) == 1 and other.asked == []


@pytest.mark.parametrize("variables", [{"HTTP_PROXY": "{}"}, {"https_proxy": "{}"}, {"http_proxy": ""}, {"http_proxy": "{}", "no_proxy": "127.0.0.1"},
                                       {"all_proxy": "{}", "NO_PROXY": "hub.test, 127.0.0.0/8"}, {"http_proxy": "{}", "no_proxy": "*"}], ids=str)
def test_who_is_to_be_asked_directly_is(plain, variables):
    """HTTP_PROXY in capitals counts for nothing, as in libcurl: a CGI script would get it from its client."""
    with Github() as github, Proxy() as proxy:
        added(seed(plain, github.url, **{name: value.format(proxy.url) for name, value in variables.items()}))
        assert proxy.asked == []


def test_no_proxy_of_others_changes_nothing(plain):
    with Github() as github, Proxy({"hub.test": github.host}) as proxy:
        added(seed(plain, http_proxy=proxy.url, no_proxy="127.0.0.1,ub.test,api.hub.test"))
        assert len(proxy.asked) == 1


def test_a_socks_proxy_is_told_the_name(plain):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        heard = []

        def serve():
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(100))
                connection.sendall(b"\x05\x00")
                heard.append(connection.recv(100))
                connection.sendall(b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")     # refused

        thread = threading.Thread(target=serve)
        thread.start()
        done = seed(plain, all_proxy=f"socks5h://{host}")
        thread.join()
    failed(done, f"through the proxy {host}")
    assert heard[0][:1] == b"\x05" and b"hub.test" in heard[1]


# ---- passwords ----

def test_user_and_password_are_sent_and_never_shown(plain):
    with Github() as github, Proxy({"hub.test": github.host}, user=USER) as proxy:
        added(seed(plain, http_proxy=proxy.url))
        proxy.refusal = 502
        done = seed(plain, http_proxy=proxy.url)
        assert done.returncode == 1 and "geheim" not in done.stderr


@pytest.mark.parametrize("variable, value, shown", [
    ("https_proxy", "http://ann:geheim4711@proxy.test:3128", "http://ann:***@proxy.test:3128"),
    ("HTTPS_PROXY", "ann:geheim4711@proxy.test:3128", "ann:***@proxy.test:3128"),
    ("http_proxy", "http://geheim4711@proxy.test", "***@proxy.test"), ("http_proxy", "geheim4711@proxy.test:3128", "***@proxy.test:3128"),
    ("all_proxy", "socks5h://ann:geheim4711@[::1]:1080", "ann:***@[::1]:1080"),
    ("ALL_PROXY", "proxy.test:3128", "proxy.test:3128"), ("no_proxy", "localhost,.corp.test", "localhost,.corp.test"),
])
def test_config_shows_the_proxies_without_passwords(variable, value, shown):
    text = run("config", env={variable: value}).stdout
    assert re.search(rf"^{variable.lower().replace('_', '-')} .*{re.escape(shown)} +# {variable}$", text, re.M), text
    assert "geheim" not in text


def test_a_proxy_may_come_from_a_file(plain, folder):
    with Github() as github, Proxy({"hub.test": github.host}, user=USER) as proxy:
        (folder / "proxy").write_text(proxy.url + "\n")
        added(seed(plain, http_proxy_FILE=folder / "proxy"))


# ---- when it goes wrong ----

@pytest.mark.parametrize("url, variable", [("http://hub.test", "http_proxy"), ("https://hub.test", "https_proxy")])
def test_a_proxy_that_is_not_there_is_named(plain, url, variable):
    host = f"127.0.0.1:{free_port()}"
    failed(seed(plain, url, **{variable: f"http://{USER}@{host}"}), "hub.test", f"through the proxy {host}", "added 0 of 3")
    failed(seed(plain, url, **{variable: "http://proxy.invalid:3128"}), "through the proxy proxy.invalid:3128", "resolve proxy")


@pytest.mark.parametrize("url, variable", [("http://hub.test", "http_proxy"), ("https://hub.test", "https_proxy")])
def test_a_proxy_that_wants_a_password_is_named(plain, url, variable):
    with Proxy(user="bob:secret") as proxy:
        failed(seed(plain, url, **{variable: f"http://{proxy.host}"}), f"the proxy refuses with status 407, through the proxy {proxy.host}")


def test_a_proxy_that_forbids_is_named(plain):
    with Proxy(refusal=403) as proxy:
        failed(seed(plain, "https://hub.test", https_proxy=proxy.url), f"the proxy refuses with status 403, through the proxy {proxy.host}")


@pytest.mark.parametrize("value", ["gopher://127.0.0.1:1", "http://127.0.0.1:99999", "http://", "::", "http://[::1"])
def test_a_proxy_that_is_none_is_an_error_and_no_way_round(plain, value):
    with Github() as github:
        done = seed(plain, github.url, http_proxy=value)
        failed(done, "through the proxy")
        assert github.requests == []


# ---- distances ----

@pytest.mark.parametrize("kind", ["google", "osrm"])
def test_distance_providers_are_asked_through_the_proxy(serve, sqlite, kind):
    with Provider(google(1234) if kind == "google" else osrm(1234)) as provider, Proxy({"maps.test": provider.url[7:]}, user=USER) as proxy:
        settings = {name: value.replace(provider.url, "http://maps.test") for name, value in provider.settings(kind).items()}
        server = serve(database=sqlite, env={**settings, "http_proxy": proxy.url})
        for _ in range(3):
            assert server.api.call("POST", "/orders", PLACE).json()["distance"] == 1234
        assert len(provider.requests) == 3 and all(line.startswith("GET http://maps.test/") for line, _ in proxy.asked)
        proxy.user = "bob:secret"
        answer = server.api.call("POST", "/orders", PLACE)
        assert "the proxy refuses with status 407" in problem(answer, 400)["detail"] and proxy.host not in answer.body.decode()
        line = next(line for line in server.lines() if line["message"] == "no distance")
        assert line["proxy"] == proxy.host and "geheim" not in server.log()


def test_a_provider_on_this_host_can_be_left_out(serve, sqlite):
    with Provider(osrm(1234)) as provider:
        server = serve(database=sqlite, env={**provider.settings("osrm"), "http_proxy": f"http://127.0.0.1:{free_port()}", "no_proxy": "localhost,127.0.0.1"})
        assert server.api.call("POST", "/orders", PLACE).json()["distance"] == 1234


def test_a_server_whose_proxy_is_dead_answers_in_words_and_in_time(serve, sqlite):
    host = f"127.0.0.1:{free_port()}"
    server = serve(database=sqlite, env={"ROWLOCK_DISTANCE": "osrm", "OSRM_URL": "https://maps.test", "https_proxy": f"http://{USER}@{host}"})
    answer = server.api.call("POST", "/orders", PLACE)
    assert "cannot be asked" in problem(answer, 400)["detail"]
    assert next(line for line in server.lines() if line["message"] == "no distance")["proxy"] == host
    assert "geheim" not in server.log() + answer.body.decode()
