"""contrib/patroni/: what its README says is done, as far as that can be without hosts of its own, and its files agree."""

import re
import shutil

import pytest

from support.patroni import CONTRIB, PROGRAMS
from support.program import ROOT, missing
from support.transcript import Session, steps
from support.wait import until

README = CONTRIB / "README.md"


def test_the_page_shows_what_happens(patroni, folder):
    """Each command by itself, because a database that was made is on all hosts a moment later."""
    if shutil.which("psql") is None:
        missing("psql")
    text = re.sub(r"(?m)^   (?=\S)", "", README.read_text())        # blocks of a list
    places = {"/etc/patroni/config.yml": str(patroni.nodes[0].conf), "/etc/haproxy/haproxy.cfg": str(CONTRIB / "haproxy.cfg")}
    for number, node in enumerate(patroni.nodes, 1):
        places |= {f"10.0.0.1{number}:5432": f"{node.host}:{node.port}", f"10.0.0.1{number}:8008": f"{node.host}:{node.rest}"}
    for documented, actual in places.items():
        assert documented in text, documented
        text = text.replace(documented, actual)
    session = Session(None, None, folder, words=("patronictl", "curl", "psql", "rowlock", "haproxy"),
                      PATH="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin")
    before, shown = patroni.primary(), steps(text, "contrib/patroni/README.md")
    assert len(shown) >= 7
    try:
        for step in shown:
            session.check([step])
            patroni.heal()
            until(patroni.replayed, 30, f"all have what {step} did")
        assert patroni.primary() is not before, "the switchover"
        patroni.heal()
        listed = session.run(f"patronictl -c {patroni.nodes[0].conf} list")
        assert all(word in listed for word in ("Leader", "Sync Standby", "Replica")) and listed.count("running") == 3, listed
    finally:
        patroni.heal()
        patroni.drop_database("rowlock")
        patroni.primary().query("DROP ROLE IF EXISTS rowlock")


def test_its_files_agree_with_each_other():
    yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed")
    settings, compose = (yaml.safe_load((CONTRIB / name).read_text()) for name in ("patroni.yml", "compose.yml"))
    readme, dockerfile = README.read_text(), (CONTRIB / "Dockerfile").read_text()
    listed = (ROOT / "Makefile.am").read_text()
    for file in CONTRIB.iterdir():
        assert f"contrib/patroni/{file.name} " in listed, file
        assert file.name == "README.md" or f"`{file.name}`" in readme, file
    for package in {*PROGRAMS.values()}:
        assert package in dockerfile and package in readme, package
    times = settings["bootstrap"]["dcs"]
    assert times["ttl"] >= times["loop_wait"] + 2 * times["retry_timeout"]
    assert times["synchronous_mode"] is True and settings["bootstrap"]["dcs"]["postgresql"]["parameters"]["synchronous_commit"] == "on"
    databases = {name for name in compose["services"] if re.fullmatch(r"db\d", name)}
    assert databases == {"db1", "db2", "db3"}
    for name in databases:
        environment = compose["services"][name]["environment"]
        assert environment["PATRONI_NAME"] == name
        assert environment["PATRONI_POSTGRESQL_CONNECT_ADDRESS"] == f"{name}:5432" and environment["PATRONI_RESTAPI_CONNECT_ADDRESS"] == f"{name}:8008"
        assert {host.split(":")[0] for host in environment["PATRONI_ETCD_HOSTS"].split(",")} <= set(compose["services"])
    assert "@db1,db2,db3/rowlock?target_session_attrs=read-write" in compose["services"]["server"]["environment"]["DATABASE_URL"]
    for name, service in compose["services"].items():
        assert set(service.get("depends_on", [])) <= set(compose["services"]), name
