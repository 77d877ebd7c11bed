"""The pages as axe judges them (axe-core, of npm): nothing on them keeps anybody from reading and using them, on a phone and on a wide
screen, in light and in dark. Their sense is tested in tests/browser."""

import re

import pytest

import tools
from support.program import ROOT, run

pytestmark = pytest.mark.parametrize("shared", ["sqlite"], indirect=True)       # they look the same whatever is behind them

SAMPLES = {"regions": "regions", "provinces": "provinces", "health-regions": "health_regions", "fsa": "fsa"}

# A page, and words that are there when it is whole.
PAGES = {
    "/": "ready to serve", "/docs": "Place an order",
    "/board?as=ann": "1 free, 2 taken, 1 delivered.", "/board?changed=2": "is now TAKEN", "/board/orders/4": "delivered, ann",
    "/users": "Page 2", "/users/2": "Page 1", "/users?username=nobody%20at%20all": "There are none",
    "/labs": "Site 😀", "/labs/site/1": "The last changes", "/labs/site/1/history": "update",
    "/labs/computers": "Bench", "/labs/computer/1": "aa:bb:cc:dd:ee:ff", "/labs/computer/1/history": "insert",
    "/labs/freezers?site_id=1": "Freezers of site 1", "/labs/freezer/1": "6ba7b810", "/labs/freezer/1/history": "insert",
    "/labs/containers": "6ba7b810", "/labs/container/1": "blood", "/labs/container/1/history": "insert",
    "/regions": "Régions", "/regions?code=X9B": "Population", "/regions?code=9": "code must be",
    "/sign-in": "asks nobody for a key", "/inbox": "Write a message", "/inbox?recipient=bob": "שלום", "/inbox?recipient=nobody": "No messages.",
    "/nope": "There is nothing at this path.", "/inbox?recipient=bob&limit=0": "limit must be",
}

# A form that is filled in wrongly (or not in time), and what the page says then.
FORMS = {
    "an order that another courier holds": ("/board", {"#change-taker": "bob"}, "#release-2", "who alone may release it."),
    "an order from nowhere": ("/board", {"#place-origin": "91, 0", "#place-destination": "0, 0"}, "form[action^='/board?'] button", "origin must be a latitude"),
    "a site whose number is taken": ("/labs", {"#add-id": "1", "#add-name": "North"}, "section[aria-labelledby=add-heading] button", "such a record already"),
    "a computer without an address": ("/labs/computer/1", {"#change-mac": "none"}, "form[action$=change] button", "mac must be"),
    "a message to nobody": ("/inbox", {"#write-sender": "ann", "#write-recipient": "x" * 250, "#write-text": "Hi"}, "form[method=post][action='/inbox'] button",
                            "recipient must be"),
}


@pytest.fixture(scope="module")
def axe():
    return (tools.npm() / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(autouse=True, scope="module")
def filled(shared):
    """Something of each kind, on a page of its own."""
    server, database = shared
    api = server.api
    for order, taker in enumerate((None, "ann", "", "ann"), 1):
        assert api.place() == order
        if taker is not None:
            api.take(order, taker or None)
    api.deliver(4, "ann")
    for path, record in {"/site/1": {"name": "Site 😀", "country": "Canada"}, "/computer/1": {"name": "Bench", "mac": "aa:bb:cc:dd:ee:ff", "site_id": 1},
                         "/freezer/1": {"name": "Cold", "site_id": 1},
                         "/container/1": {"uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "description": "blood", "freezer_id": 1}}.items():
        assert api.post(path, record).status == 200
    api.post("/site/1", {"name": "Site 😀", "country": "Norge"})
    for text in ("Hello\nfrom here", "שלום עולם"):
        api.post("/messages", {"sender": "ann", "recipient": "bob", "text": text})
    files = [word for name, file in SAMPLES.items() for word in (f"--{name}", ROOT / "sample" / "health" / f"{file}.csv")]
    for words in (("seed", "users", "--offline", "--total", 30), ("import", "health", *files)):
        assert run(*words, "--database", database.url).returncode == 0


@pytest.fixture(params=[360, 1280])
def width(request):
    return request.param


@pytest.fixture(params=["light", "dark"])
def browser(look, server, width, request):
    return look(server, width).colours(request.param)


def violations(browser, axe):
    """What axe finds, and where. What Swagger UI draws is its own concern (web/vendor/swagger-ui); that it stands in a page is ours."""
    browser.driver.execute_script(axe)
    found = browser.driver.execute_async_script("""
        const done = arguments[arguments.length - 1];
        axe.run({exclude: ["#swagger"]}).then((result) => done(result), (error) => done({error: String(error)}));""")
    assert "error" not in found and len(found["passes"]) > 10, found
    return [f"{each['id']} ({each['help']}): {node['html'][:200]}: {node['failureSummary']}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("target", PAGES)
def test_a_page_keeps_nobody_out(browser, axe, target):
    browser.expected += ["404 (Not Found)", "400 (Bad Request)"]
    browser.open(target).see(PAGES[target], seconds=20)
    for summary in browser.all("main summary"):
        summary.click()
    assert violations(browser, axe) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_was_refused_keeps_nobody_out(browser, axe, form):
    target, inputs, button, words = FORMS[form]
    browser.expected += ["400 (Bad Request)", "412 (Precondition Failed)"]
    browser.open(target)
    for css, text in inputs.items():
        browser.fill(css, text)
    browser.click(button).see(words)
    assert violations(browser, axe) == []


def test_axe_finds_what_is_wrong(look, server, axe):
    browser = look(server).open("/")
    browser.driver.execute_script("document.querySelector('main').append(document.createElement('img'), document.createElement('button'))")
    assert [each.split()[0] for each in violations(browser, axe)] == ["button-name", "image-alt"]


def test_every_page_is_looked_at(server):
    listed = re.findall(r"^GET +(\S+) +\(for people\)", run("routes").stdout, re.M)
    asked = [target.partition("?")[0] for target in PAGES]
    missing = [path for path in listed if not any(re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", path), target) for target in asked)]
    assert len(listed) > 15 and missing == []
