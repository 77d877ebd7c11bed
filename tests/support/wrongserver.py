"""Servers of orders that are wrong on purpose, for `rowlock prove` to find: a small one over SQLite with a mistake that people
make, and a proxy that stands before a right one and is not honest."""

import http.client
import json
import random
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TABLES = """
CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT, destination TEXT, status TEXT DEFAULT 'UNASSIGNED',
                     taker TEXT, released_by TEXT, claim INTEGER DEFAULT 0, lease_until REAL);
CREATE TABLE keys (key TEXT PRIMARY KEY, answer TEXT);
"""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass        # who asks may leave at any time


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        status, answer = self.server.owner.answer(self.command, self.path, self.headers, body)
        head = (f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n").encode()
        self.wfile.write(head + answer)

    do_GET = do_POST = do_PATCH = handle_any


class Wrong:
    """with …: as server: … server.url …"""

    def __enter__(self):
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.owner = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)


class Refusal(Exception):
    pass


class WrongServer(Wrong):
    """
    Mistakes:
      none      it is right
      race      a take reads, and then writes what it believes: no lock
      early     SUCCESS is said before the commit, and one commit in fifty is lost
      ahead     whether a lease has ended is asked of a clock that runs ahead
      two       two clocks, of which one runs ahead: whichever machine is asked
      forgets   one Idempotency-Key in five is not remembered
    """

    AHEAD = 0.8     # seconds

    def __init__(self, folder, mistake):
        self.mistake = mistake
        self.path = Path(folder) / "wrong.db"
        self.local = threading.local()
        self.choice = random.Random(1)
        connection = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)

    def _connect(self):
        if not hasattr(self.local, "connection"):
            self.local.connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
            self.local.connection.row_factory = sqlite3.Row
            self.local.connection.execute("PRAGMA synchronous = OFF")
        return self.local.connection

    def _clock(self):
        return time.time() + (self.AHEAD if self.mistake == "two" and self.choice.random() < 0.5 else 0)

    # ---- answering ----

    def answer(self, method, path, headers, body):
        url = urlsplit(path)
        try:
            return 200, json.dumps(self._serve(method, url, headers.get("Idempotency-Key"), json.loads(body or b"{}"))).encode()
        except Refusal as refusal:
            return refusal.args[0], json.dumps({"detail": refusal.args[1]}).encode()

    def _serve(self, method, url, key, body):
        words = url.path.strip("/").split("/")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if method == "GET":
            return self._read(int(words[1])) if len(words) == 2 else self._list(query)
        if method == "PATCH" and self.mistake == "race" and body["status"] == "TAKEN":
            return self._change_without_lock(int(words[1]), body)
        lost = method == "PATCH" and self.mistake == "early" and self.choice.random() < 0.02
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            answer = self._write(method, words, key, body)
            connection.execute("ROLLBACK" if lost else "COMMIT")
            return answer
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _write(self, method, words, key, body):
        connection = self._connect()
        if method == "PATCH":
            return self._change(int(words[1]), body, self._clock())
        forgotten = self.mistake == "forgets" and self.choice.random() < 0.2
        if key and not forgotten:
            for row in connection.execute("SELECT answer FROM keys WHERE key = ?", (key,)):
                return json.loads(row["answer"])
        answer = self._claim(body, self._clock()) if words[-1] == "claim" else self._place(body)
        if key:
            connection.execute("INSERT OR REPLACE INTO keys VALUES (?, ?)", (key, json.dumps(answer)))
        return answer

    # ---- orders ----

    def _whole(self, row):
        until = row["lease_until"]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(until)) + f"{until % 1:.6f}"[1:] + "Z" if until else None
        return {"id": row["id"], "origin": json.loads(row["origin"]), "destination": json.loads(row["destination"]), "distance": 1,
                "status": row["status"], "taker": row["taker"], "claim": row["claim"], "lease_until": stamp}

    def _row(self, order):
        row = self._connect().execute("SELECT * FROM orders WHERE id = ?", (order,)).fetchone()
        if row is None:
            raise Refusal(400, "Order does not exist.")
        return row

    def _read(self, order):
        try:
            return self._whole(self._row(order))
        except Refusal:
            raise Refusal(404, "Order does not exist.") from None

    def _list(self, query):
        wanted = query.get("status")
        rows = self._connect().execute("SELECT * FROM orders WHERE id < ? AND (? IS NULL OR status = ?) ORDER BY id DESC LIMIT ?",
                                       (int(query.get("before", 1 << 53)), wanted, wanted, int(query["limit"])))
        return [{"distance": 1, "id": row["id"], "status": row["status"]} for row in rows]

    def _place(self, body):
        points = [json.dumps([float(number) for number in body[name]]) for name in ("origin", "destination")]
        cursor = self._connect().execute("INSERT INTO orders (origin, destination) VALUES (?, ?)", points)
        return {"distance": 1, "id": cursor.lastrowid, "status": "UNASSIGNED"}

    def _free(self, row, clock):
        """Its status, for whoever asks for it now."""
        ahead = self.AHEAD if self.mistake == "ahead" else 0
        over = row["status"] == "TAKEN" and row["lease_until"] and row["lease_until"] <= clock + ahead
        return "UNASSIGNED" if over else row["status"]

    def _set(self, order, **columns):
        names = ", ".join(f"{name} = ?" for name in columns)
        self._connect().execute(f"UPDATE orders SET {names} WHERE id = ?", (*columns.values(), order))

    def _claim(self, body, clock):
        taken = []
        for row in self._connect().execute("SELECT * FROM orders WHERE status != 'DELIVERED' ORDER BY id").fetchall():
            if len(taken) < body.get("limit", 1) and self._free(row, clock) == "UNASSIGNED":
                self._acquire(row, body, clock)
                taken.append(self._whole(self._row(row["id"])))
        return taken

    def _acquire(self, row, body, clock):
        until = clock + body["lease"] if body.get("lease") else None
        self._set(row["id"], status="TAKEN", taker=body["taker"], released_by=None, claim=row["claim"] + 1, lease_until=until)

    def _success(self, order, body):
        if body["status"] != "TAKEN" or not (body.get("lease") or body.get("claim")):
            return {"status": "SUCCESS"}
        row = self._whole(self._row(order))
        return {"status": "SUCCESS", "claim": row["claim"], "lease_until": row["lease_until"]}

    def _change_without_lock(self, order, body):
        row = self._row(order)
        time.sleep(0.001)
        clock = self._clock()
        self._take(row, self._free(row, clock), body, clock)
        return self._success(order, body)

    def _change(self, order, body, clock):
        row = self._row(order)
        status = self._free(row, clock)
        if body["status"] == "TAKEN":
            self._take(row, status, body, clock)
        else:
            self._end(row, status, body)
        return self._success(order, body)

    def _take(self, row, status, body, clock):
        fence, lease = body.get("claim"), body.get("lease")
        if fence and (fence != row["claim"] or status != "TAKEN"):
            raise Refusal(400, "Order is not held under this claim.")
        if status == "UNASSIGNED":
            self._acquire(row, body, clock)
        elif status == "DELIVERED" or row["taker"] != body["taker"]:
            raise Refusal(400, "Order is already taken.")
        elif lease:
            self._set(row["id"], lease_until=max(row["lease_until"] or 0, clock + lease))

    def _end(self, row, status, body):
        taker, releases = body["taker"], body["status"] == "UNASSIGNED"
        if body.get("claim") and body["claim"] != row["claim"]:
            raise Refusal(400, "Order is not held under this claim.")
        if status == "TAKEN" and row["taker"] == taker:
            self._set(row["id"], status=body["status"], taker=None if releases else taker,
                      released_by=taker if releases else None, lease_until=None)
        elif status == "TAKEN":
            raise Refusal(400, f"Order is held by {row['taker']}, who alone may {'release' if releases else 'deliver'} it.")
        elif status == "DELIVERED" and (releases or row["taker"] != taker):
            raise Refusal(400, "Order is already delivered.")
        elif status == "UNASSIGNED" and not (releases and row["status"] == "UNASSIGNED" and row["released_by"] == taker):
            raise Refusal(400, "Order is not taken.")


class WrongProxy(Wrong):
    """
    Before a right server. Mistakes:
      none      it is right
      repeats   some changes are sent once more, a little later
      stale     reads are answered by a copy that is up to half a second old
      denies    some changes are passed on, and answered by 503, nothing was changed
      cuts      some answers are lost, and the connection with them: that is no mistake, and must not be called one
    """

    def __init__(self, port, mistake, rate=0.05):
        self.port, self.mistake, self.rate = port, mistake, rate
        self.local = threading.local()
        self.choice = random.Random(1)
        self.copies = {}
        self.held = threading.Event()       # while it is set, nobody is answered

    def _ask(self, method, path, headers, body):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        fields = {name: headers[name] for name in ("Content-Type", "Idempotency-Key", "Authorization") if headers.get(name)}
        try:
            connection.request(method, path, body or None, fields)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.local.connection = None
            raise ConnectionError("the server is away") from None      # and so is this one

    def _repeat(self, method, path, headers, body):
        time.sleep(0.02)
        try:
            self._ask(method, path, headers, body)
        except ConnectionError:
            pass

    def answer(self, method, path, headers, body):
        while self.held.is_set():
            time.sleep(0.02)
        now = time.monotonic()
        if self.mistake == "stale" and method == "GET":
            if path not in self.copies or now - self.copies[path][0] > 0.5:
                self.copies[path] = (now, self._ask(method, path, headers, body))
            return self.copies[path][1]
        status, answer = self._ask(method, path, headers, body)
        unlucky = method != "GET" and self.choice.random() < self.rate
        if unlucky and self.mistake == "cuts":
            raise ConnectionError("cut")
        if unlucky and self.mistake == "denies":
            return 503, json.dumps({"detail": "The database was too busy; nothing was changed."}).encode()
        if method == "PATCH" and self.mistake == "repeats" and self.choice.random() < 0.1:
            threading.Thread(target=self._repeat, args=(method, path, headers, body), daemon=True).start()
        return status, answer
