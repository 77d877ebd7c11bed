"""A real browser: Debian's chromium without a window, driven by chromedriver. It watches what a page logs and whom it asks."""

import json
import os
import shutil
import tempfile
from urllib.parse import urlsplit

import pytest

from support import program
from support.wait import until

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--no-proxy-server", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars")


def is_ubuntu():
    """There chromium is a snap, which containers cannot run."""
    try:
        with open("/etc/os-release") as release:
            return "ID=ubuntu\n" in release.read()
    except OSError:
        return False


def start(width, javascript, folder):
    """A driver of a browser of that width in CSS pixels; below 600 it is a phone."""
    if not os.path.exists(DRIVER) or not os.path.exists(CHROMIUM):
        if is_ubuntu():
            pytest.skip("needs a chromium that is no snap")
        program.missing("chromium and chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder}", f"--window-size={max(width, 500)},900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service(DRIVER, env=os.environ | {"HOME": folder}), options=options)
    driver.set_page_load_timeout(30 * program.SLOW)
    if width < 600:
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True})
    if not javascript:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    return driver


class Drivers:
    """Browsers of a session, each started when it is first needed: (width, JavaScript on, number)."""

    def __init__(self):
        self.started, self.folders = {}, []

    def get(self, *key):
        if key not in self.started:
            self.folders.append(tempfile.mkdtemp(prefix="rowlock-browser-"))
            self.started[key] = start(*key[:2], self.folders[-1])
        return self.started[key]

    def quit(self):
        for driver in self.started.values():
            driver.quit()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


STALE = "Node with given id does not belong to the document"     # as chromedriver has it now and then


CONTRASTS = """
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const luminance = (rgb) => rgb.slice(0, 3).map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const colour = parse(getComputedStyle(element).backgroundColor);
            if (colour.length < 4 || colour[3] > 0.99) return colour;
        }
    };
    return [...document.querySelectorAll(arguments[0])].filter((each) => each.innerText && each.offsetWidth > 0).map((each) => {
        const [one, other] = [luminance(parse(getComputedStyle(each).color)), luminance(behind(each))];
        return [(Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05), each.innerText.slice(0, 40)];
    });"""


class Browser:
    """One that looks at one server. What it logs as an error, unless `expected` has words of it, and each request to another
    host is a failure when it is checked."""

    def __init__(self, driver, address):
        self.driver, self.address, self.expected = driver, address, []
        driver.get("about:blank")
        driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        for kind in ("browser", "performance"):
            driver.get_log(kind)        # of the test before

    # ---- looking ----

    def colours(self, scheme):
        """From now on it prefers "light" or "dark"."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        return self

    def open(self, path):
        self.driver.get(f"http://{self.address}{path}")
        return self

    @property
    def path(self):
        """Where it is, with the query."""
        url = urlsplit(self.driver.current_url)
        return url.path + ("?" + url.query if url.query else "")

    def all(self, css):
        return self.driver.find_elements("css selector", css)

    def attempt(self, step, what, seconds=5):
        """The value of the step as soon as it has one. A page that is on its way elsewhere loses its elements meanwhile."""
        from selenium.common.exceptions import (ElementClickInterceptedException, InvalidElementStateException, NoSuchElementException,
                                                StaleElementReferenceException, WebDriverException)

        def now():
            try:
                return step()
            except (ElementClickInterceptedException, InvalidElementStateException, NoSuchElementException, StaleElementReferenceException):
                return None
            except WebDriverException as error:
                if STALE not in str(error):
                    raise
                return None

        return until(now, seconds=seconds, what=lambda: f"{what} in {self.text()[:2000]}")

    def find(self, css, text):
        return next((each for each in self.all(css) if text in each.text), None)

    def one(self, css, text=""):
        """The first element that matches, and has the text in it; waits for it."""
        return self.attempt(lambda: self.find(css, text), f"{css} {text!r}")

    def text(self):
        return self.driver.find_element("css selector", "body").text

    def see(self, text, seconds=5):
        """Waits until the page says so."""
        self.attempt(lambda: text in self.text(), repr(text), seconds)
        return self

    # ---- doing ----

    def fill(self, css, text):
        def step():
            element = self.find(css, "")
            element.clear()
            element.send_keys(text)
            return True

        self.one(css)
        self.attempt(step, css)
        return self

    def click(self, css, text=""):
        self.one(css, text)
        self.attempt(lambda: [self.find(css, text).click()], f"{css} {text!r}")
        return self

    # ---- judging ----

    def overflow(self):
        """By how many pixels the page is wider than the window."""
        metrics = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})
        return metrics["cssContentSize"]["width"] - metrics["cssLayoutViewport"]["clientWidth"]

    def contrasts(self, css):
        """[(ratio, beginning of the text)] of what matches and is shown (WCAG 2.2, "contrast ratio")."""
        return [tuple(each) for each in self.driver.execute_script(CONTRASTS, css)]

    def logged(self):
        """What the browser has logged as an error since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "ERROR")]

    def asked(self):
        """The addresses that were asked for since it was last asked."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def check(self):
        elsewhere = [url for url in self.asked() if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).netloc != self.address]
        assert not elsewhere, f"asked of other hosts: {elsewhere}"
        errors = [message for message in self.logged() if not any(words in message for words in self.expected)]
        assert not errors, f"the browser says: {errors}"


# ---- fixtures, for a conftest.py to import ----

@pytest.fixture(scope="session")
def drivers():
    made = Drivers()
    try:
        yield made
    finally:
        made.quit()


@pytest.fixture
def look(drivers):
    """look(server, width=1280, javascript=True, number=0): a browser that looks at the server; two numbers are two people. At the
    end each is judged: no error in its console, no request to another host."""
    looking = []

    def begin(server, width=1280, javascript=True, number=0):
        looking.append(Browser(drivers.get(width, javascript, number), server.address))
        return looking[-1]

    yield begin
    for browser in looking:
        browser.check()
