/* The OpenAPI document of the apps that are served, as GET /openapi.json gives it. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "apps/apps.h"
#include "cmd/cmd.h"
#include "openapi/openapi.h"

static int run(struct settings *settings, struct command_line *line)
{
    (void)line;
    const struct app **apps = cmd_apps(settings);
    if (apps == NULL)
        return CMD_USAGE;
    struct buf document = BUF_INIT(OPENAPI_SIZE_MAX);
    openapi_write(&document, settings, apps);
    fwrite(document.data, 1, document.len, stdout);
    buf_fini(&document);
    free((void *)apps);
    return CMD_DONE;
}

const struct command command_openapi = {.name = "openapi",
                                        .usage = "openapi",
                                        .about = "print the OpenAPI 3.1 document of the routes",
                                        .run = run};
