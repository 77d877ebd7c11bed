"""./check: what somebody who runs it sees. Its stages are stand-ins that print what the harness prints."""

import re
import shutil
import subprocess
import sys

import pytest

from support.program import ROOT, SLOW, environment, rowlock

# make PREFIX/check prints these, and leaves a .trs and a .log each, as the harness of automake does
PYTEST_LOG = """\
ok 1 - test_a.py::test_well
PASS: tests/suite.test 1 - test_a.py::test_well
not ok 2 - test_a.py::test_ill[one two]
FAIL: tests/suite.test 2 - test_a.py::test_ill[one two]
ok 3 - test_a.py::test_left # SKIP no engine
SKIP: tests/suite.test 3 - test_a.py::test_left # SKIP no engine
=================================== FAILURES ===================================
____________________________ test_ill[one two] _____________________________

    def test_ill():
>       assert answer.status == 200
E       AssertionError: the words of it
E       assert 503 == 200

integration/test_a.py:7: AssertionError
=========================== short test summary info ============================
FAILED test_a.py::test_ill[one two] - AssertionError: the words of it
"""
UNIT_LOG = """\
ok 1 - fine
PASS: tests/unit/test_text 1 - fine
not ok 2 - integers_are_read
FAIL: tests/unit/test_text 2 - integers_are_read
# 0x8 != 0x1
# test_text.c:62: error: Failure!
ok 3 - fine_again
PASS: tests/unit/test_text 3 - fine_again
"""
SCRIPT_LOG = """\
ok 1 - before
PASS: tests/build/x.test 1 - before
x.test: a.h includes b.h, which is above it
not ok 2 - includes point down
FAIL: tests/build/x.test 2 - includes point down
"""
GOOD_LOG = """\
ok 1 - fine
PASS: tests/unit/test_text 1 - fine
"""


@pytest.fixture
def tree(folder):
    (folder / "build-aux").mkdir()
    shutil.copy(ROOT / "check", folder)
    for name in ("failures.awk", "front-door.sh"):
        shutil.copy(ROOT / "build-aux" / name, folder / "build-aux")
    with open(folder / "build-aux" / "front-door.sh", "a") as front_door:
        front_door.write('install_packages() { echo "installing much"; [ ! -e "$top/no-packages" ]; }\ncores() { echo 1; }\n')
    for made in ("Makefile.in", "aclocal.m4", "config.h.in", "build-aux/tap-driver.sh"):
        (folder / made).write_text("")
    (folder / "configure").write_text('#!/bin/sh\ncp "$(dirname "$0")/stage.mk" Makefile\ntouch config.status\n')
    (folder / "configure").chmod(0o755)
    return folder


def stages(tree, logs, code=0, build="true"):
    """Every stage that tests does the same."""
    for name, text in logs.items():
        (tree / f"{name}.given").write_text(text)
    lines = [f"all:\n\t@echo a line of the compiler; {build}", "distcheck-quick:\n\t@echo made",
             "test-quick test-slow check check-docker:"]
    for name, text in logs.items():
        results = [word for word in re.findall(r"^(PASS|FAIL|SKIP): ", text, re.M)]
        lines.append(f"\t@cp {tree}/{name}.given {name}.log; printf ':test-result: %s\\n' {' '.join(results)} >{name}.trs; cat {name}.log; echo \"$@ in $(CURDIR)\"")
    lines.append(f"\t@exit {code}")
    (tree / "stage.mk").write_text("\n".join(lines) + "\n")


def check(tree, *arguments, cwd="/", **variables):
    return subprocess.run([tree / "check", *arguments], cwd=cwd, env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * SLOW)


def test_a_stage_is_a_line_with_counts_and_time(tree):
    stages(tree, {"suite": GOOD_LOG})
    for name in ("tests", "build"):
        (tree / name).mkdir()       # as in the source tree, where it is started most often
    done = check(tree, cwd=tree)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [re.split(r"  +", line)[0] for line in lines[:-1]] == ["packages", "build", "quick tests", "all other tests", "build with sanitizers",
                                                                  "tests with sanitizers", "tarball", "containers"]
    for line in lines[2], lines[3], lines[5], lines[7]:
        assert re.fullmatch(r"\w+( \w+)* +1 passed, 0 failed +\d+ s", line)
    assert re.fullmatch(r"build +\d+ s", lines[1])
    assert lines[-1] == "2 passed, 0 failed"        # two trees, a case each
    log = tree / "build-check" / "check.log"
    assert str(log) in done.stderr
    for words in ("PASS: tests/unit/test_text 1 - fine", "a line of the compiler", "installing much"):
        assert words in log.read_text() and words not in done.stdout + done.stderr
    ran = [line for line in log.read_text().splitlines() if re.match(r"(test-\w+|check\S*) in ", line)]
    assert ran == [f"{target} in {tree}/build-check/{where}" for target, where in (
        ("test-quick", "plain"), ("test-slow", "plain"), ("check", "sanitized"), ("check-docker", "plain"))]


def test_programs_that_are_not_debians_have_a_stage_of_their_own_when_they_are_asked_for(tree):
    stages(tree, {"suite": GOOD_LOG})
    done = check(tree, ROWLOCK_CHECK_API="yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^tarball .*\nAPI by its document +1 passed, 0 failed +\d+ s\ncontainers ", done.stdout, re.M), done.stdout


@pytest.mark.plain
def test_it_is_said_that_they_could_not_be_had(folder):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": "/dev/null"}
    done = subprocess.run([sys.executable, ROOT / "tests" / "pytest-tap", ROOT / "tests" / "api"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=environment(ROWLOCK=rowlock(), ROWLOCK_TEST_TOOLS=folder, ROWLOCK_TEST_REQUIRE="all", **nowhere), timeout=90 * SLOW)
    *cases, plan = done.stdout.splitlines()
    assert done.returncode == 0 and len(cases) >= 2 and plan == f"1..{len(cases)}", done.stdout + done.stderr
    needs_none = [case for case in cases if case.split("::")[1].startswith("test_every_page_is_looked_at")]     # but a browser
    assert len(needs_none) <= 2 < len(cases) - len(needs_none)
    for case in cases:
        if case not in needs_none:
            assert re.search(r"^ok \d+ - .* # SKIP (Skipped: )?PyPI cannot be reached: ", case), case


def test_what_failed_is_said_at_the_end_with_its_reason(tree):
    stages(tree, {"suite": PYTEST_LOG, "unit": UNIT_LOG, "script": SCRIPT_LOG}, code=2)
    done = check(tree, "--quick")
    assert done.returncode == 1
    assert re.search(r"^quick tests +4 passed, 3 failed, 1 skipped +\d+ s$", done.stdout, re.M), done.stdout
    assert done.stdout.splitlines()[-1] == "4 passed, 3 failed, 1 skipped" and "failed: quick tests" in done.stderr
    told = {part.splitlines()[0]: part.splitlines()[1:] for part in done.stdout.split("FAILED: ")[1:]}
    assert told["tests/suite.test 2 - test_a.py::test_ill[one two]"][:3] == ["    AssertionError: the words of it", "    assert 503 == 200",
                                                                            "    all of it: build-check/plain/suite.log"]
    assert told["tests/unit/test_text 2 - integers_are_read"][:2] == ["    0x8 != 0x1", "    test_text.c:62: error: Failure!"]
    assert told["tests/build/x.test 2 - includes point down"][0] == "    x.test: a.h includes b.h, which is above it"
    assert "skipped: tests/suite.test 3 - test_a.py::test_left # SKIP no engine" in done.stdout
    assert len(done.stdout.splitlines()) < 30


def test_a_build_that_fails_shows_its_last_words(tree):
    stages(tree, {}, build="echo x.c:1: error: no; exit 1")
    done = check(tree)
    assert done.returncode == 1 and "x.c:1: error: no" in done.stdout and "failed: build" in done.stderr
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"


def test_packages_that_cannot_be_installed_end_it(tree):
    stages(tree, {"suite": GOOD_LOG})
    (tree / "no-packages").write_text("")
    done = check(tree)
    assert done.returncode == 1 and done.stdout.splitlines()[-1] == "0 passed, 1 failed" and "failed: packages" in done.stderr
