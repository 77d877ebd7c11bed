/* Variables of the environment, and the files that their _FILE forms name, as places where settings stand. */
#ifndef ROWLOCK_BASE_ENVIRONMENT_H
#define ROWLOCK_BASE_ENVIRONMENT_H

#include "base/setting.h"
#include "base/textfile.h"

/* Variables may stand in a file as well (envfile.h). From now on those of this one count, and of no other; "": of
 * none. how holds for the files of secrets, too. False with *error (to be freed): it cannot be read, or names
 * something that is no setting of the list. */
bool environment_read_file(const struct setting_list *list, const char *path, enum textfile_patience how,
                           char **error);

/* The value of a variable, of the environment or else of that file; NULL: it is not set, or is empty. */
const char *environment_get(const char *name);

/* What a variable holds, or, with may_be_file, the file that its _FILE form names. found->text is NULL when neither is
 * set; an empty variable counts as not set, because compose files pass those. Of an empty file it is "". False with
 * *error (to be freed), which names the variable. */
bool environment_variable(const char *name, bool may_be_file, struct setting_found *found, char **error);

/* Whether found is from an empty file, then with *error; found is empty afterwards. */
bool environment_refuse_empty(struct setting_found *found, char **error);

/* Fills all rows for which there was no flag: from their variables, from elsewhere, or with what is built in. False
 * with *error: a line for each variable or file that is wrong; its row then has what is built in. */
bool environment_read(struct setting_list *list, char **error);

/* Variables that begin with prefix and look like a mistyped one of the list. */
void environment_find_mistyped(const struct setting_list *list, const char *prefix,
                               void (*tell)(const char *variable, const char *meant));

#endif
