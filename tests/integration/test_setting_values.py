"""Good values of every setting, from a flag, a variable and a file. Which settings there are is what `rowlock config` prints."""

import os
import re

import pytest

from support.program import run
from support.rawhttp import Connection, request_bytes

pytestmark = pytest.mark.quick

HELP = run("--help").stdout
ROW = re.compile(r"^  (?P<flag>--[a-z-]+)?(?: [A-Z]+)? +(?P<variable>[A-Za-z_]+)  ", re.M)
FLAGS = {row["variable"]: row["flag"] for row in ROW.finditer(HELP)}      # None: a variable alone

# {variable: (its name in config, what config shows when nothing is said, {good value: what config shows})}. Two values or more each.
GOOD = {
    "ROWLOCK_SETTINGS": ("settings", "", {"/dev/null": "/dev/null", "/dev/../dev/null": "/dev/../dev/null"}),
    "DATABASE_URL": ("database", "sqlite:rowlock.db", {"sqlite:/x/y.db": "sqlite:/x/y.db", "postgresql://ann@h:5433/x": "postgresql://ann@h:5433/x",
                                                       "postgres://h/x": "postgres://h/x", "host=h dbname=x": "host=h dbname=x"}),
    "ROWLOCK_LISTEN": ("listen", "127.0.0.1:8080", {"0.0.0.0:1": "0.0.0.0:1", "[::1]:65535": "[::1]:65535", "unix:/x/y": "unix:/x/y", "localhost:0": "localhost:0"}),
    "ROWLOCK_METRICS_LISTEN": ("metrics-listen", "", {"127.0.0.1:9100": "127.0.0.1:9100", "[::]:0": "[::]:0", "unix:/x/y": "unix:/x/y"}),
    "ROWLOCK_WORKERS": ("workers", "1", {"1": "1", "2": "2", "256": "256", "auto": str(os.sysconf("SC_NPROCESSORS_ONLN"))}),
    "ROWLOCK_DB_CONNECTIONS": ("db-connections", "4", {"1": "1", "64": "64"}),
    "ROWLOCK_POOLER": ("pooler", "auto", {"none": "none", "transaction": "transaction", "auto": "auto"}),
    "ROWLOCK_APPS": ("apps", "all", {"all": "all", "orders": "orders", "orders,sites,health,messages,users": "orders,sites,health,messages,users"}),
    "ROWLOCK_DISTANCE": ("distance", "haversine", {"google": "google", "osrm": "osrm", "haversine": "haversine"}),
    "GMAP_TOKEN": ("gmap-token", "", {"one": "***", "another": "***"}),
    "GMAP_DISTANCE_MATRIX_API": ("gmap-url", "https://maps.googleapis.com/maps/api/distancematrix/json", {"http://h/x": "http://h/x", "https://h": "https://h"}),
    "OSRM_URL": ("osrm-url", "", {"http://h:5000": "http://h:5000", "https://h/x": "https://h/x"}),
    "GITHUB_API_URL": ("github-url", "https://api.github.com", {"http://h": "http://h", "https://h/api/v3": "https://h/api/v3"}),
    "GITHUB_TOKEN": ("github-token", "", {"one": "***", "another": "***"}),
    "https_proxy": ("https-proxy", "", {"http://h:3128": "http://h:3128", "http://ann:geheim@h:3128": "http://ann:***@h:3128"}),
    "http_proxy": ("http-proxy", "", {"http://h:3128": "http://h:3128", "h": "http://h"}),
    "all_proxy": ("all-proxy", "", {"socks5h://h": "socks5h://h", "http://h": "http://h"}),
    "no_proxy": ("no-proxy", "", {"*": "*", "localhost,.corp.test,10.0.0.0/8": "localhost,.corp.test,10.0.0.0/8"}),
    "CACHE_URL": ("cache", "simple:", {"none": "none", "simple:": "simple:", "redis://h/1": "redis://h/1", "memcached://h": "memcached://h"}),
    "ROWLOCK_DEADLINE": ("deadline", "10", {"0.1": "0.1", "2.5": "2.5", "3600": "3600"}),
    "ROWLOCK_DRAIN": ("drain", "8", {"0.1": "0.1", "30": "30", "3600": "3600"}),
    "ROWLOCK_QUEUE": ("queue", "1024", {"1": "1", "1000000": "1000000"}),
    "ROWLOCK_MAX_CONNECTIONS": ("max-connections", None, {"1": "1", "100": "100"}),
    "ROWLOCK_MAX_EVENTS": ("max-events", None, {"1": "1", "100": "100"}),
    "ROWLOCK_KEEP_EVENTS": ("keep-events", "7", {"1": "1", "36500": "36500", "forever": "forever"}),
    "ROWLOCK_HTTP": ("http", "evhttp", {"evhttp": "evhttp", "direct": "direct"}),
    "ROWLOCK_HOSTS": ("hosts", "", {"a.example": "a.example", "A.example,127.0.0.1,[::1]": "A.example,127.0.0.1,[::1]"}),
    "ROWLOCK_CORS_ORIGINS": ("cors-origins", "", {"https://a.example": "https://a.example", "http://localhost:3000,https://a.example": "http://localhost:3000,https://a.example"}),
    "ROWLOCK_TRUSTED_PROXIES": ("trusted-proxies", "", {"unix": "unix", "10.0.0.0/8, ::1": "10.0.0.0/8, ::1"}),
    "ROWLOCK_RATE_LIMIT": ("rate-limit", "off", {"1/h": "1/h", "1000000/s": "1000000/s", "600/m": "600/m", "off": "off"}),
    "ROWLOCK_RATE_BURST": ("rate-burst", "auto", {"auto": "auto", "1": "1", "1000000": "1000000"}),
    "ROWLOCK_MAX_CONCURRENT": ("max-concurrent", "off", {"off": "off", "1": "1", "1000000": "1000000"}),
    "ROWLOCK_API_KEYS": ("api-keys", "", {"/etc/rowlock/keys": "/etc/rowlock/keys", "keys": "keys"}),
    "ROWLOCK_ANONYMOUS": ("anonymous", "", {"orders:read": "orders:read", "orders, users:read": "orders, users:read", "*": "*"}),
    "ROWLOCK_GZIP": ("gzip", "off", {"on": "on", "1": "on", "true": "on", "yes": "on", "off": "off", "0": "off", "false": "off", "no": "off"}),
    "ROWLOCK_NO_PAGES": ("no-pages", "off", {"on": "on", "1": "on", "true": "on", "yes": "on", "off": "off", "0": "off", "false": "off", "no": "off"}),
    "ROWLOCK_MIGRATE": ("migrate", "off", {"on": "on", "1": "on", "true": "on", "yes": "on", "off": "off", "0": "off", "false": "off", "no": "off"}),
    "ROWLOCK_ACCESS_LOG": ("access-log", "off", {"on": "on", "1": "on", "true": "on", "yes": "on", "off": "off", "0": "off", "false": "off", "no": "off"}),
    "ROWLOCK_ACCESS_LOG_FORMAT": ("access-log-format", "log", {"log": "log", "common": "common", "combined": "combined"}),
    "ROWLOCK_OTLP": ("otlp", "", {"http://h:4318": "http://h:4318", "https://ann:geheim@h/x/v1/traces": "https://ann:***@h/x/v1/traces"}),
    "ROWLOCK_OTLP_HEADERS": ("otlp-headers", "", {"x-api-key=geheim": "***", "a=1,b=%20": "***"}),
    "OTEL_SERVICE_NAME": ("service-name", "rowlock", {"orders": "orders", "a b": "a b"}),
    "ROWLOCK_TRACE_RATIO": ("trace-ratio", "0.01", {"0": "0", "1": "1", "0.000001": "0.000001"}),
    "ROWLOCK_LOG_FORMAT": ("log-format", "json", {"text": "text", "json": "json"}),
    "ROWLOCK_LOG_LEVEL": ("log-level", "info", {"debug": "debug", "info": "info", "warn": "warn", "error": "error"}),
}
# What must be said beside it.
BESIDE = {("ROWLOCK_WORKERS", None): {"DATABASE_URL": "postgresql://h/x"}, ("ROWLOCK_DISTANCE", "google"): {"GMAP_TOKEN": "x"},
          **{("ROWLOCK_RATE_BURST", value): {"ROWLOCK_RATE_LIMIT": "1/s"} for value in ("1", "1000000")},
          ("ROWLOCK_ANONYMOUS", None): {"ROWLOCK_API_KEYS": "keys"}, ("ROWLOCK_DISTANCE", "osrm"): {"OSRM_URL": "http://h"}}
OTHER_NAMES = {"SQLALCHEMY_DATABASE_URI": "DATABASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT": "ROWLOCK_OTLP", "OTEL_EXPORTER_OTLP_HEADERS": "ROWLOCK_OTLP_HEADERS"}
SECRETS = ["DATABASE_URL", "SQLALCHEMY_DATABASE_URI", "CACHE_URL", "GMAP_TOKEN", "GITHUB_TOKEN", "ROWLOCK_OTLP", "OTEL_EXPORTER_OTLP_ENDPOINT",
           "ROWLOCK_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]


def config(*arguments, **env):
    """{setting: (value, where it is from)} in effect."""
    done = run("config", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    return {name: (value.strip(), source) for name, value, source in re.findall(r"^(\S+) +(.*?) +# (.*)$", done.stdout, re.M)}


def beside(variable, value):
    return BESIDE.get((variable, None), {}) | BESIDE.get((variable, value), {})


def switch(variable):
    """Whether its flag has no value."""
    return re.search(rf"^  {FLAGS[variable]} +{variable}  ", HELP, re.M) is not None


EVERY = [(variable, value) for variable, (_, _, values) in GOOD.items() for value in values]


def test_every_setting_is_here():
    assert set(FLAGS) == set(GOOD)
    assert {name for name, _, _ in GOOD.values()} == set(config())


@pytest.mark.parametrize("variable", GOOD)
def test_what_holds_when_nothing_is_said(variable):
    name, built_in, _ = GOOD[variable]
    for env in ({}, {variable: ""}):
        value, source = config(**env)[name]
        assert source == "built-in" and (value == built_in or built_in is None and int(value) >= 100)


@pytest.mark.parametrize("variable, value", EVERY)
def test_a_good_value_from_the_environment(variable, value):
    name, _, values = GOOD[variable]
    assert config(**{**beside(variable, value), variable: value})[name] == (values[value], variable)


@pytest.mark.parametrize("variable, value", [(variable, value) for variable, value in EVERY if FLAGS.get(variable) and not switch(variable)])
def test_a_good_value_from_a_flag_wins_over_the_environment(variable, value):
    name, _, values = GOOD[variable]
    other = next(one for one in values if one != value)
    env = {**beside(variable, value), **beside(variable, other), variable: other}
    for arguments in ([FLAGS[variable], value], [f"{FLAGS[variable]}={value}"]):
        assert config(*arguments, **env)[name] == (values[value], FLAGS[variable])


@pytest.mark.parametrize("variable", [variable for variable in GOOD if FLAGS.get(variable) and switch(variable)])
def test_a_switch_wins_over_the_environment(variable):
    name = GOOD[variable][0]
    assert config(FLAGS[variable], **{variable: "off"})[name] == ("on", FLAGS[variable])


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_may_stand_in_a_file(folder, variable):
    name, _, values = GOOD[OTHER_NAMES.get(variable, variable)]
    for number, (value, shown) in enumerate(values.items()):
        for end in ("", "\n", "\r\n"):
            (folder / "secret").write_bytes((value + end).encode())
            assert config(**{variable + "_FILE": folder / "secret"})[name] == (shown, variable + "_FILE")


def test_the_password_of_the_database_may_stand_in_a_file(serve, postgres, folder):
    role = "secretive_" + postgres.name
    postgres.query(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'x'")
    try:
        (folder / "secret").write_text("geheim-4711\n")
        server = serve(env={"DB_HOST": "127.0.0.1", "DB_PORT": postgres.cluster.port, "DB_USER": role, "DB_NAME": postgres.name,
                            "DB_PASSWORD_FILE": folder / "secret"})
        server.api.place()
        server.stop()
    finally:
        postgres.query(f"DROP ROLE {role}")


def sessions(postgres):
    (count,), = postgres.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rowlock'")
    return count


@pytest.mark.parametrize("by", ["flags", "environment"])
def test_a_server_does_what_they_say(serve, postgres, by):
    said = {"ROWLOCK_WORKERS": "2", "ROWLOCK_DB_CONNECTIONS": "2", "ROWLOCK_APPS": "orders", "ROWLOCK_LOG_LEVEL": "info", "ROWLOCK_ACCESS_LOG": "on",
            "ROWLOCK_MAX_CONNECTIONS": "50", "ROWLOCK_DEADLINE": "1", "ROWLOCK_DRAIN": "1", "CACHE_URL": "none"}
    flags = [f"{FLAGS[name]}={value}" for name, value in said.items() if FLAGS.get(name) and not switch(name)] + ["--access-log"]
    server = serve(*(flags if by == "flags" else ()), database=postgres, env=said if by == "environment" else {}, wait="listening")
    server.told("ready to serve", 2)
    assert len(server.workers()) == 2
    server.wait_healthy()
    assert server.api.get("/messages?recipient=ann").status == 404
    server.api.place()
    server.told("request", 1)
    holder = postgres.connect()
    connections = [Connection(server.address) for _ in range(40)]
    try:
        holder.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        for connection in connections:
            connection.send(request_bytes("GET", "/orders?page=1&limit=1"))
        assert {connection.response().status for connection in connections} == {503}
        assert sessions(postgres) == 6, "two workers with two for the tables and one for their health"
    finally:
        holder.close()
        for connection in connections:
            connection.close()
