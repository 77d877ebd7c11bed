/* The program: standard streams, one command, and whether all that it printed arrived. */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/standard.h"
#include "cmd/cmd.h"

#ifdef HAVE_JEMALLOC
/* One thread allocates, so one arena; what is not used goes back soon. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0";
#endif

/* What was printed counts only when it arrived, which a network's file system may tell at the close alone. */
static bool close_stdout(void)
{
    bool taken = ferror(stdout) == 0;
    return fclose(stdout) == 0 && taken;
}

int main(int argc, char **argv)
{
    if (!standard_open())
        return CMD_FAILED;
    /* a file that may grow no further is an error like others, and no reason to die */
    signal(SIGXFSZ, SIG_IGN);
    int code = cmd_run(argc, argv);
    if (close_stdout() || code != CMD_DONE)
        return code;
    cmd_complain("cannot write to stdout: %s", strerror(errno));
    return CMD_FAILED;
}
