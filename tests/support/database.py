"""A fresh database of one test, as its hands see it: an address for Rowlock and plain SQL."""

import select
import shutil
import sqlite3
import time

import psycopg2
from psycopg2 import extensions

from support.program import SLOW

CONNECT, ANSWER = 5, 100        # seconds that PostgreSQL has; the second is less than a test has


def await_postgres(connection):
    """How psycopg2 waits in a test. Its own way heeds neither time nor signals: who waits for a lock that is never given back
    could not even be ended by the alarm that ends every test."""
    patience = CONNECT if connection.status == extensions.STATUS_SETUP else ANSWER
    end, watch = time.monotonic() + patience * SLOW, select.poll()
    while (state := connection.poll()) != extensions.POLL_OK:
        watch.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        left = end - time.monotonic()
        if left <= 0 or not watch.poll(left * 1000):
            raise psycopg2.OperationalError(f"PostgreSQL does not answer within {patience * SLOW:g} s")


class PostgresDatabase:
    kind = "postgres"

    def __init__(self, cluster, template="template0", pooler=None):
        """pooler: a PgBouncer (support.pgbouncer) through which Rowlock goes; the tests' own hands never do."""
        self.cluster = cluster
        self.name = cluster.create_database(template)
        self.url = (pooler or cluster).url(self.name)

    def connect(self):
        """A session of its own; the caller ends it."""
        return psycopg2.connect(self.cluster.dsn(self.name))

    def query(self, sql, *parameters):
        """One statement in a transaction of its own: its rows, or [] when it has none."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql.replace("?", "%s"), parameters or None)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows
        finally:
            connection.close()

    def clear(self, *tables):
        """Empties them, in that order."""
        self.query("; ".join(f"DELETE FROM {table}" for table in tables))

    def drop(self):
        self.cluster.drop_database(self.name)


class SqliteDatabase:
    kind = "sqlite"

    def __init__(self, folder, template=None):
        """template: the path of a database to begin with; without one, the file is not there yet."""
        self.path = str(folder / "rowlock.db")
        if template is not None:
            shutil.copyfile(template, self.path)
        self.url = "sqlite:" + self.path

    def connect(self):
        return sqlite3.connect(self.path, timeout=10, isolation_level=None)

    def query(self, sql, *parameters):
        connection = self.connect()
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def clear(self, *tables):
        connection = self.connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for table in tables:
                connection.execute(f"DELETE FROM {table}")
            connection.execute("COMMIT")
        finally:
            connection.close()

    def drop(self):
        pass
