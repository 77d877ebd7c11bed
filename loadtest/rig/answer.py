"""What an answer means. Whatever is not listed here is unexpected, and fails the run."""

import re

MESSAGES = {
    "Order is already taken.": "taken",
    "Order is currently occupied.": "occupied",
    "Order does not exist.": "missing",
    "Order is not taken.": "free",
    "Order is already delivered.": "delivered",
    "Order is not held under this claim.": "stale",
}

# Who may release or deliver it.
HELD = re.compile(r"Order is held by .+, who alone may (release|deliver) it\."
                  r"|Order was taken without a taker, so only a request without one may (release|deliver) it\.")

# What the asker must be ready for.
EXPECTED = {
    "take": {"success", "taken", "occupied"},
    "take missing": {"missing"},
    "repeat": {"success", "occupied"},              # the holder asks again
    "repeat nameless": {"taken", "occupied"},       # nobody can prove to be the holder: never a second SUCCESS
    "holder": {"success", "occupied"},              # release or delivery by the holder
    "stranger": {"refused", "occupied"},            # the same by somebody else
    "late": {"stale", "occupied"},                  # the same under a claim whose lease has ended
}

# After a 503 the order may have moved on in the meantime.
IN_DOUBT = {"taken", "refused", "free", "delivered", "stale"}


def outcome(response, fault=False, leased=False):
    """(outcome, detail) of the answer to a PATCH. leased: it asked for a lease."""
    status = response.status_code
    if fault and status == 503:
        return "unknown", None
    body = document(response)
    if status == 200 and is_success(body, leased):
        return "success", None
    if status == 400 and isinstance(body, dict) and isinstance(body.get("error"), str):
        result = "refused" if HELD.fullmatch(body["error"]) else MESSAGES.get(body["error"], "unexpected")
        return result, body["error"]
    return "unexpected", describe(response)


def is_success(body, leased):
    if not leased:
        return body == {"status": "SUCCESS"}
    return isinstance(body, dict) and list(body) == ["status", "claim", "lease_until"] and body["status"] == "SUCCESS"


def document(response):
    """The JSON body, or None."""
    try:
        return response.json()
    except (ValueError, TypeError, AttributeError):
        return None


def describe(response):
    """One line for a person."""
    if response.status_code == 0:
        return f"no answer: {response.error!r}"
    return f"{response.status_code} {(response.text or '')[:200]!r}"
