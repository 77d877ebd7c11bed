"""Pages as a browser asks for them, and forms as it sends them."""

import html
import re
from urllib.parse import urlencode

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def send(api, target, fields, headers=None):
    """The answer to a form, as a browser sends it."""
    own = {"Host": api.address, "Origin": f"http://{api.address}", "Sec-Fetch-Site": "same-origin"}
    return api.call("POST", target, urlencode(fields).encode(), BROWSER | FORM | own | (headers or {}))


def text_of(answer):
    assert answer.content_type == "text/html", answer
    return html.unescape(re.sub(r"<[^>]*>", "", answer.body.decode()))


def shown(api, target, status=200):
    """The HTML of a page."""
    answer = api.get(target, BROWSER)
    assert answer.status == status and answer.content_type == "text/html", answer
    return answer.body.decode()


def addresses(body, rel):
    """Where the links of this relation lead."""
    return [html.unescape(href) for href in re.findall(rf'<a rel="{rel}" href="([^"]*)"', body)]
