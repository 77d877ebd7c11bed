"""Clients that generators of two languages make of the document: they compile, and place, take and list an order."""

import shutil
from pathlib import Path

import pytest

import tools
from support.program import run

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture
def document(folder):
    path = folder / "openapi.json"
    path.write_text(run("openapi").stdout)
    return path


@pytest.fixture
def address(serve, database):
    return f"http://{serve('--distance', 'haversine', database=database).address}"


@pytest.fixture
def python_client(document, folder):
    """The folder of a program that is written for it, and python."""
    programs = tools.pypi()
    (folder / "plain.yaml").write_text("post_hooks: []\n")      # it is not made prettier
    tools.call(programs / "openapi-python-client", "generate", "--path", document, "--output-path", folder / "rowlock_client", "--meta", "none",
               "--config", folder / "plain.yaml", "--fail-on-warning")
    shutil.copy(CLIENTS / "order.py", folder)
    return folder, programs / "python"


@pytest.fixture
def typescript_client(document, folder):
    modules = tools.npm()
    for path in (CLIENTS / "order.ts", CLIENTS / "tsconfig.json", tools.NPM):
        shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(modules)
    tools.node("npx", "openapi-typescript", document, "-o", "api.d.ts", cwd=folder)
    return folder


def test_a_python_client_compiles_and_takes_an_order(python_client, address):
    folder, python = python_client
    tools.call(python, "-m", "mypy", "--cache-dir", folder / "cache", "--strict", "order.py", cwd=folder)
    tools.call(python, "-B", "order.py", address, cwd=folder, env={"NO_PROXY": "*"})


def test_a_typescript_client_compiles_and_takes_an_order(typescript_client, address):
    folder = typescript_client
    tools.node("npx", "tsc", "-p", ".", cwd=folder)
    tools.node("node", "order.js", address, cwd=folder)
