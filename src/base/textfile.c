/* Small files of text: read whole. */
#include <config.h>

#include "base/textfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define FILE_MAX_BYTES 65536

static bool is_pipe(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISFIFO(info.st_mode);
}

char *textfile_read(const char *path, enum textfile_patience patience, const char **why)
{
    if (patience == TEXTFILE_NOW && is_pipe(path)) {
        *why = "it is a pipe, which can be read once only";
        return NULL;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        *why = strerror(errno);
        return NULL;
    }
    char *text = mem_new(FILE_MAX_BYTES);
    size_t length = fread(text, 1, FILE_MAX_BYTES, file);
    *why = ferror(file) != 0                    ? strerror(errno)
           : length == FILE_MAX_BYTES           ? "it is too long"
           : memchr(text, '\0', length) != NULL ? "it is no text"
                                                : NULL;
    fclose(file);
    while (length > 0 && length < FILE_MAX_BYTES && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        text[--length] = '\0';
    if (*why == NULL)
        return text;
    free(text);
    return NULL;
}
