"""What suites in the field try on HTTP servers and parsers, on both engines; `make check-http` tells it as a table."""

import pytest

from support import httpcases

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("engine", httpcases.ENGINES)
@pytest.mark.parametrize("suite", httpcases.SUITES)
def test_the_cases_of_a_suite_are_answered_as_they_say(serve, sqlite, suite, engine):
    server = serve("--http", engine, database=sqlite)
    failed = [f"{case.name}: {fault}" for case, fault, on_purpose in httpcases.tried(server.address, suite) if fault and not on_purpose]
    assert not failed, "\n".join(failed)
