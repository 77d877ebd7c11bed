"""docs/guarantees.md: each test that the page names is there, and each promise names one."""

import re

import pytest

from support.program import ROOT

pytestmark = [pytest.mark.plain, pytest.mark.quick]

PAGE = ROOT / "docs" / "guarantees.md"


def names_of_tests():
    return {name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)}


def rows(heading):
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ") and not line.endswith("tried by |")]


def test_each_test_that_is_named_is_there():
    named = re.findall(r"`(test_\w+)`", PAGE.read_text())
    assert len(named) > 40
    assert set(named) <= names_of_tests(), set(named) - names_of_tests()


@pytest.mark.parametrize("heading", ["The promises", "Under which faults"])
def test_each_promise_and_each_fault_names_a_test(heading):
    assert rows(heading)
    for row in rows(heading):
        assert re.search(r"`test_\w+`", row), row


def test_what_no_test_tries_says_so():
    silent = [row for row in rows("By database and setting") if not re.search(r"`test_\w+`", row)]
    assert len(silent) == 2, silent
    assert all("not tried" in row or "**no**" in row for row in silent), silent
