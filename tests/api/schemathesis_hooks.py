"""What schemathesis finds fault with and the server does on purpose, where OpenAPI 3.1 has no words for it: only this is let through,
each with the reason."""

import re

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

OF_AN_EARLIER_REQUEST = "it depends on what was sent before"
OF_ANOTHER_FIELD = "it depends on another field of the same request"

# Refusals of what the document allows: the status, and what the message says.
ON_PURPOSE = {
    (412, r""): OF_AN_EARLIER_REQUEST,                                          # which entity tag is the current one
    (422, r"used for a request with another body"): OF_AN_EARLIER_REQUEST,
    (400, r"^Order (is|does not exist|was taken)"): OF_AN_EARLIER_REQUEST,
    (400, r"must be the id of a \w+ that exists"): OF_AN_EARLIER_REQUEST,
    (400, r"^mac is the address of another computer already"): OF_AN_EARLIER_REQUEST,
    (400, r"must equal the id of the path"): OF_ANOTHER_FIELD,
    (400, r"exclude"): OF_ANOTHER_FIELD,                                        # page and before, days and limit
    (400, r"go together: "): OF_ANOTHER_FIELD,                                  # sender and recipient of GET /message
    (400, r"^The query parameter page is missing"): OF_ANOTHER_FIELD,           # as long as before is
    (400, r"^The (query parameter (taker|status)|member within) needs \w+ beside it"): OF_ANOTHER_FIELD,
    (400, r"^The query parameter page does not go with"): OF_ANOTHER_FIELD,
    (400, r"^The query parameter after goes with order_by=id alone"): OF_ANOTHER_FIELD,
    (400, r"^The member lease goes with the status TAKEN alone"): OF_ANOTHER_FIELD,
    # No request may have these, not even in members that POST /message ignores, and a schema speaks of those at one level only.
    (400, r"^(The body|.*) has a NUL character"): "it is JSON that the server does not read",
    (400, r"is a number beyond what 64 bits or a double hold"): "it is JSON that the server does not read",
    # Of header fields with quotes schemathesis makes no valid value, sends one of its invalid ones instead, and does not note it.
    (400, r"^If-(None-)?Match must be \* or entity tags"): "it was not valid",
}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, UseAfterFree):
        return not case.operation.path.endswith("/history")     # what became of a record outlives it
    if not isinstance(failure, RejectedPositiveData):
        return True
    detail = response.json()["detail"]
    return not any(response.status_code == status and re.search(words, detail) for status, words in ON_PURPOSE)
