/* Small files of text, as secrets and settings stand in. */
#ifndef ROWLOCK_BASE_TEXTFILE_H
#define ROWLOCK_BASE_TEXTFILE_H

enum textfile_patience {
    TEXTFILE_WAIT, /* a pipe is waited for until it has an end */
    TEXTFILE_NOW,  /* a pipe is refused: what it had was read before */
};

/* All of it, without the ends of its last lines; to be freed. NULL and *why (static): it cannot be read, has 64 KiB or
 * more, or a NUL. */
char *textfile_read(const char *path, enum textfile_patience patience, const char **why);

#endif
