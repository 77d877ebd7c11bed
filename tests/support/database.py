"""A fresh database of one test, as its hands see it: an address for Rowlock and plain SQL."""

import shutil
import sqlite3

import psycopg2


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
            with connection, connection.cursor() as cursor:
                cursor.execute(sql.replace("?", "%s"), parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

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

    def drop(self):
        pass
