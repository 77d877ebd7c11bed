#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/similar.h"
#include "base/standard.h"
#include "cmd/cmd.h"

#ifdef HAVE_JEMALLOC
/* One thread allocates, so one arena; what is not used goes back soon. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0";
#endif

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", cmd_serve},   {"migrate", cmd_migrate}, {"seed", cmd_seed},
    {"import", cmd_import}, {"routes", cmd_routes},   {"config", cmd_config},
};

static int run(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return cmd_help();
        if (strcmp(argv[i], "--version") == 0)
            return cmd_version();
    }
    if (argc > 1 && strcmp(argv[1], "help") == 0)
        return cmd_help();
    if (argc < 2 || argv[1][0] == '-')
        return cmd_serve(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    char hint[SIMILAR_HINT_MAX];
    struct similar similar = similar_to(argv[1], strlen(argv[1]));
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        similar_try(&similar, commands[i].name);
    cmd_complain(
        "\"%s\" is no command%s; the commands are: serve, migrate, seed, import, routes, config (see "
        "rowlock --help)",
        argv[1], similar_hint(&similar, hint));
    return CMD_USAGE;
}

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
    signal(SIGXFSZ,
           SIG_IGN); /* a file that may grow no further is an error like others, and no reason to die */
    int code = run(argc, argv);
    if (close_stdout() || code != CMD_DONE)
        return code;
    cmd_complain("cannot write to stdout: %s", strerror(errno));
    return CMD_FAILED;
}
