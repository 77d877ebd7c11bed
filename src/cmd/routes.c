/* The routes of the apps that are served, with their parameters. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "apps/apps.h"
#include "cmd/cmd.h"

static void print_fields(const char *kind, const struct field *fields)
{
    for (; fields != NULL && fields->name != NULL; fields++)
        printf("    %-5s  %-12s %s%s%s\n", kind, fields->name, fields->required ? "required" : "optional",
               fields->about != NULL ? ": " : "", fields->about != NULL ? fields->about : "");
}

static const char *kind_of(const struct route *route)
{
    if (!route->for_people)
        return "";
    return route->page != NULL ? "(for people) " : "(for pages) ";
}

static int run(struct settings *settings, struct command_line *line)
{
    (void)line;
    const struct app **apps = cmd_apps(settings);
    if (apps == NULL)
        return CMD_USAGE;
    for (size_t i = 0; apps[i] != NULL; i++)
        for (size_t k = 0; k < apps[i]->route_count; k++) {
            const struct route *route = &apps[i]->routes[k];
            if (!route_is_served(route, settings))
                continue;
            printf("%-6s  %-24s %s%s\n", http_method_name(route->method), route->path, kind_of(route),
                   route->summary);
            printf("    scope  %s\n", scope_name(route->scope));
            print_fields("path", route->path_fields);
            print_fields("query", route->query);
            print_fields("body", route->body);
        }
    free((void *)apps);
    return CMD_DONE;
}

const struct command command_routes = {
    .name = "routes", .usage = "routes", .about = "print the route table", .run = run};
