/* Opens the standard descriptors that the program was started without. */
#include <config.h>

#include "base/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The lowest number that is free, which is fd. Without /dev (in a chroot) another that can be neither read nor
 * written. */
static bool open_on_null(int fd)
{
    int got = open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    return (got >= 0 ? got : open("/", O_PATH)) == fd;
}

bool standard_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && !open_on_null(fd))
            return false;
    return true;
}
