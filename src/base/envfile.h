/* A file of variables: NAME=VALUE a line, as systemd (EnvironmentFile=), Docker (--env-file) and shells write them.
 * Empty lines and those that begin with # are left out; "export" may stand before a name, and quotes around a value
 * are no part of it. Nothing in a value is expanded. */
#ifndef ROWLOCK_BASE_ENVFILE_H
#define ROWLOCK_BASE_ENVFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/textfile.h"

struct envfile {
    char *path;
    struct envfile_line {
        char *name, *value;
    } * lines;
    size_t count;
};

/* False with *error (to be freed), which names the file and the line. To be given to envfile_fini in any case. */
bool envfile_read(const char *path, enum textfile_patience patience, struct envfile *file, char **error);
void envfile_fini(struct envfile *file);

const char *envfile_value(const struct envfile *file,
                          const char *name); /* the last of that name; NULL: none */

#endif
