"""An HTTP proxy: GET of an absolute URL, and CONNECT. Names lead where the test says, so none has to exist."""

import base64
import http.client
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Proxy:
    """
    Proxy({"hub.test:80": "127.0.0.1:4711"}, user="ann:secret")

    asked      "GET http://hub.test/users?…" or "CONNECT hub.test:443" of each request, with its headers: (line, headers)
    first      what came through tunnels first, a piece each
    refusal    the status that it gives for all; None: it does its work
    """

    def __init__(self, hosts=(), user=None, refusal=None):
        self.hosts, self.user, self.refusal = dict(hosts), user, refusal
        self.asked, self.first = [], []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if proxy.admits(self):
                    proxy.forward(self)

            def do_CONNECT(self):
                if proxy.admits(self):
                    proxy.tunnel(self)

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
        return f"http://{self.user + '@' if self.user else ''}{self.host}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def admits(self, handler):
        self.asked.append((f"{handler.command} {handler.path}", {name.lower(): value for name, value in handler.headers.items()}))
        wanted = self.user and "Basic " + base64.b64encode(self.user.encode()).decode()
        refusal = self.refusal or (407 if wanted != (handler.headers.get("Proxy-Authorization") if wanted else None) else None)
        if refusal is None:
            return True
        self.reply(handler, refusal, b"")
        return False

    @staticmethod
    def reply(handler, status, body, headers=()):
        handler.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def forward(self, handler):
        parts = urlsplit(handler.path)
        upstream = http.client.HTTPConnection(self.hosts.get(parts.netloc, parts.netloc), timeout=10)
        fields = {name: value for name, value in handler.headers.items() if not name.lower().startswith("proxy-")}
        try:
            upstream.request("GET", parts.path + ("?" + parts.query if parts.query else ""), headers=fields)
            answer = upstream.getresponse()
            self.reply(handler, answer.status, answer.read(), answer.getheaders())
        except OSError:
            self.reply(handler, 502, b"")
        finally:
            upstream.close()

    def tunnel(self, handler):
        host, _, port = self.hosts.get(handler.path, handler.path).rpartition(":")
        with socket.create_connection((host, int(port)), 10) as upstream:
            handler.send_response(200)
            handler.end_headers()
            pair = {handler.connection: upstream, upstream: handler.connection}
            heard = False
            while True:
                ready, _, _ = select.select(list(pair), [], [], 10)
                for one in ready:
                    data = one.recv(65536)
                    if one is handler.connection and not heard:
                        heard = True
                        self.first.append(data)
                    if not data:
                        handler.close_connection = True
                        return
                    pair[one].sendall(data)
                if not ready:
                    handler.close_connection = True
                    return
