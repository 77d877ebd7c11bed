#include <config.h>

#include <stdio.h>

#include "cmd/cmd.h"

int cmd_help(void)
{
    puts("Rowlock: JSON APIs over PostgreSQL or SQLite, where exactly one taker gets an order.\n"
         "\n"
         "  rowlock [serve]               run the server; --check: only see whether the settings are right "
         "and the\n"
         "                                addresses free; --ready-fd N: the addresses are written to this\n"
         "                                descriptor, a line each, as soon as it listens\n"
         "  rowlock migrate               bring the schema up to date; --status: list its versions; --wait "
         "S:\n"
         "                                up to S seconds for a PostgreSQL that cannot be reached yet\n"
         "  rowlock seed APP [-t N]       add N sample records (--total N; 15 when not said, of users 150);\n"
         "                                users are read from the GitHub API, or made up with --offline,\n"
         "                                as all others are; --if-empty: only when there are none;\n"
         "                                APP may be all: each app that is served\n"
         "  rowlock import health --regions F --provinces F --health-regions F --fsa F\n"
         "                                load CSV files in one transaction; any of them alone will do\n"
         "  rowlock routes                print the route table\n"
         "  rowlock config                print the effective settings, secrets masked\n"
         "  rowlock --help, --version\n"
         "\n"
         "Settings of every command: a flag wins over its variable, the variable over the [built-in]\n"
         "value. Every secret also takes a _FILE form of its variable, which names a file. PostgreSQL may\n"
         "also be named by DB_HOST, DB_PORT, DB_USERNAME, DB_PASSWORD and DB_NAME, or by libpq's own\n"
         "PGHOST, PGDATABASE or PGSERVICE.\n");
    settings_print_help(stdout);
    puts("\nExit codes: 0 done, 1 failed, 2 wrong usage.");
    return CMD_DONE;
}

int cmd_version(void)
{
    puts("rowlock " PACKAGE_VERSION);
    return CMD_DONE;
}
