/* --help: the commands, then the settings, from their rows. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "base/mem.h"
#include "cmd/cmd.h"

#define ABOUT_COLUMN 30
#define USAGE_COLUMNS (ABOUT_COLUMN - 8) /* behind "rowlock " */

static void print_command(const char *usage, const char *about)
{
    bool alone = strlen(usage) >= USAGE_COLUMNS;
    printf("  rowlock %-*s", USAGE_COLUMNS, usage);
    if (alone)
        printf("\n%*s", ABOUT_COLUMN + 2, "");
    for (; *about != '\0'; about++) {
        putchar(*about);
        if (*about == '\n')
            printf("%*s", ABOUT_COLUMN + 2, "");
    }
    putchar('\n');
}

int cmd_help(const struct command *const *commands)
{
    puts("Rowlock: JSON APIs over PostgreSQL or SQLite, where exactly one taker gets an order.\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        char *usage = commands[i]->usage_now != NULL ? commands[i]->usage_now() : mem_dup(commands[i]->usage);
        print_command(usage, commands[i]->about);
        free(usage);
    }
    puts("  rowlock --help, --version\n"
         "\n"
         "Settings of every command: a flag wins over its variable, the variable over the [built-in]\n"
         "value. Every secret also takes a _FILE form of its variable, which names a file. PostgreSQL may\n"
         "also be named by DB_HOST, DB_PORT, DB_USERNAME, DB_PASSWORD and DB_NAME, or by libpq's own\n"
         "PGHOST, PGDATABASE or PGSERVICE.\n");
    settings_print_help(apps_settings(), stdout);
    puts("\nExit codes: 0 done, 1 failed, 2 wrong usage.");
    return CMD_DONE;
}

int cmd_version(void)
{
    puts("rowlock " PACKAGE_VERSION);
    return CMD_DONE;
}
