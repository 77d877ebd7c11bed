/* What the parts of the app health share. */
#ifndef ROWLOCK_APPS_HEALTH_H
#define ROWLOCK_APPS_HEALTH_H

#include "base/arena.h"
#include "core/import.h"

#define HEALTH_FSA_FORM "a forward sortation area such as K1A, or a postal code such as K1A 0B1"

/* Letters that look like others are not used; W and Z begin no code (Canada Post, "Addressing Guidelines"). */
#define HEALTH_FSA_FIRST "ABCEGHJKLMNPRSTVXY"
#define HEALTH_FSA_LETTERS "ABCEGHJKLMNPRSTVWXYZ"
#define HEALTH_FSA_LETTER "[" HEALTH_FSA_LETTERS "abceghjklmnprstvwxyz]"
#define HEALTH_FSA_PATTERN                                                                                   \
    "^[" HEALTH_FSA_FIRST "abceghjklmnprstvxy][0-9]" HEALTH_FSA_LETTER "( ?[0-9]" HEALTH_FSA_LETTER "[0-9])" \
    "?$"

/* The forward sortation area, in capitals, of one or of a whole postal code. False when it is neither. */
bool health_fsa(struct slice text, struct arena *arena, struct slice *out);

extern const struct import_file health_files[];

/* Sample records: count health regions, each with one to three forward sortation areas. */
bool health_seed(struct session *session, int64_t count);

#endif
