"""A fake GitHub API with users in it: GET /users?since=ID&per_page=N, as far as `rowlock seed users` sees it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


def profile(number):
    """What GitHub says of one user, with members that nobody here wants."""
    login = f"user{number}"
    return {"login": login, "id": number, "node_id": "MDQ6", "avatar_url": f"https://avatars.test/u/{number}?v=4", "gravatar_id": "",
            "url": f"https://api.test/users/{login}", "html_url": f"https://hub.test/{login}",
            "type": "Organization" if number % 5 == 0 else "User", "site_admin": False}


class Github:
    """
    ids        of the users there are
    remaining  requests left before 403, counted down as headers say; None: no limit
    reset      when the limit ends, in seconds since 1970
    pause      seconds that it takes over each answer
    faults     {number of the request, from 1: function(handler)} that answers in place of the list
    requests   (path, query, headers) of each request seen
    """

    def __init__(self, ids=range(1, 1001), remaining=None, reset=None, pause=0):
        self.users = [profile(number) for number in ids]
        self.remaining, self.reset, self.pause, self.faults, self.requests = remaining, reset, pause, {}, []
        self.lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                fake.serve(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def host(self):
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self):
        return "http://" + self.host

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def serve(self, handler):
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.lock:
            self.requests.append((parts.path, query, dict(handler.headers)))
            fault = self.faults.get(len(self.requests))
        time.sleep(self.pause)
        if fault is not None:
            fault(handler)
        elif not parts.path.endswith("/users"):
            answer(handler, 404, {"message": "Not Found"})
        elif self.remaining == 0:
            answer(handler, 403, {"message": "API rate limit exceeded"}, **self.limits())
        else:
            if self.remaining is not None:
                self.remaining -= 1
            found = [user for user in self.users if user["id"] > int(query["since"])]
            answer(handler, 200, found[:int(query["per_page"])], **self.limits())

    def limits(self):
        if self.remaining is None:
            return {}
        return {"X-RateLimit-Remaining": self.remaining, "X-RateLimit-Reset": self.reset}


def answer(handler, status, body, **headers):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json; charset=utf-8")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(body)


def answers(status, body, **headers):
    """A fault: this answer."""
    return lambda handler: answer(handler, status, body, **headers)


def silence(seconds):
    """A fault: nothing for so long, then the end of the connection."""
    def wait(handler):
        time.sleep(seconds)
        handler.close_connection = True
    return wait


# Which a page of docs/api shows; what it says of them is as it was in 2024.
FIRST_USERS = {1: "mojombo", 2: "defunkt", 3: "pjhyett", 4: "wycats", 5: "ezmobius", 6: "ivey", 7: "evanphx"}


def first_users():
    """GitHub as it was with its first users only."""
    fake = Github(())
    fake.users = [{"login": login, "id": number, "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
                   "html_url": f"https://github.com/{login}", "type": "User"} for number, login in FIRST_USERS.items()]
    return fake
