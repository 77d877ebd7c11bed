/* Advice on messages of a database: the first row of the table whose words the message has. */
#include <config.h>

#include "base/advice.h"

#include <stddef.h>
#include <string.h>

/* The first whose words are both in the message. */
static const struct {
    const char *word, *other;
    const char *advice;
} rows[] = {
    {"database \"", "does not exist", "make it (createdb NAME), or correct the name of the database"},
    {"no such database", "", "PgBouncer knows no database of that name: its section [databases] lists them"},
    {"role \"", "does not exist", "make it (createuser NAME), or correct the user (DB_USER, or in the URL)"},
    {"password authentication failed", "",
     "correct the user or the password (DB_USER, DB_PASSWORD, or in the URL)"},
    {"no password supplied", "", "it wants a password: DB_PASSWORD, DB_PASSWORD_FILE, or in the URL"},
    {"Peer authentication failed", "", "name a host to use a password, or run this as that user"},
    {"Ident authentication failed", "",
     "its pg_hba.conf must allow a password (scram-sha-256) for this user"},
    {"no pg_hba.conf entry", "", "its pg_hba.conf must allow this host, user and database"},
    {"Connection refused", "", "is PostgreSQL running there, and is the port right?"},
    {"No such file or directory", "socket", "is PostgreSQL running here? Otherwise name its host"},
    {"could not translate host name", "", "that host is not known here; in .env, DB_HOST names it"},
    {"server does not support SSL", "", "sslmode=prefer in the URL does without"},
    {"too many clients", "", "raise max_connections, or use fewer --workers or --db-connections"},
    {"remaining connection slots", "", "raise max_connections, or use fewer --workers or --db-connections"},
    {"permission denied for schema", "",
     "since PostgreSQL 15 only its owner makes tables in public: GRANT CREATE ON SCHEMA public TO the user, "
     "or make "
     "a database that the user owns"},
    {"permission denied for database", "", "its owner has to GRANT it"},
    {"permission denied for ", "", "grant the user the rights that docs/operations.md lists"},
    {"must be owner of ", "", "migrate as the user who owns the tables"},
    {"no schema has been selected", "",
     "the search_path names no schema that exists: CREATE SCHEMA makes one"},
    {"read-only transaction", "", "this is a standby or it is set read-only: name the primary"},
    {"file is not a database", "", "the file is something else than a SQLite database: name another"},
    {"readonly database", "", "this user must be allowed to write to the file and to its folder"},
    {"database is locked", "", "another program is writing to it; try again when that is done"},
    {"database or disk is full", "", "make room on the disk"},
};

const char *advice_on(const char *message)
{
    for (size_t i = 0; message != NULL && i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(message, rows[i].word) != NULL && strstr(message, rows[i].other) != NULL)
            return rows[i].advice;
    return NULL;
}
