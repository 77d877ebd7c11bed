/* A libFuzzer target: files that people write or that others have written. The first byte of an input says which: a history of
 * `rowlock prove`, or a file of settings. What is wrong is said with the name of the file. */
#include <config.h>

#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/envfile.h"
#include "prove/history_file.h"

static void try_history(const char *path)
{
    struct history history;
    char *error = NULL, *note = NULL;
    history_init(&history);
    must(history_read(&history, path, &error, &note) || (error != NULL && strstr(error, path) != NULL));
    history_fini(&history);
    free(error);
    free(note);
}

static void try_settings(const char *path)
{
    struct envfile file = {.path = NULL};
    char *error = NULL;
    must(envfile_read(path, TEXTFILE_NOW, &file, &error) || (error != NULL && strstr(error, path) != NULL));
    envfile_fini(&file);
    free(error);
}

static void (*const tries[])(const char *path) = {try_history, try_settings};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    if (size < 1)
        return 0;
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, size - 1, 0) == (ssize_t)(size - 1));
    tries[data[0] % (sizeof tries / sizeof tries[0])](path);
    return 0;
}
