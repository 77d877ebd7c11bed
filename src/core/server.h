/* One worker: everything that one event loop serves. */
#ifndef ROWLOCK_CORE_SERVER_H
#define ROWLOCK_CORE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct key_watch;
struct app;
struct loop;
struct readiness_check;
struct server;
struct settings;

/* Starts a server on descriptors that listen already (which it then owns). NULL and *error (to be freed). */
struct server *server_start(const struct settings *settings, const struct app *const *apps,
                            const int *listeners, size_t listener_count, char **error);

/* Serves what is for operators at this socket, too (which it then owns). */
void server_listen_for_operators(struct server *server, int listener);

/* From here on requests need keys, those of the watch, which the server then owns. */
void server_guard(struct server *server, struct key_watch *key_watch);

/* Looks at once whether the file of keys has changed. */
void server_renew(struct server *server);

/* Until it was drained or told to stop. */
void server_run(struct server *server);

/* Stops accepting, finishes what is pending within the drain limit, then ends server_run. */
void server_drain(struct server *server);

/* Leaves the work to a successor on the same sockets: no client notices. Ends server_run when no connection is left. */
void server_retire(struct server *server);

void server_stop(struct server *server); /* ends server_run now */

/* In a drain, connections that were not accepted yet are left to other processes that have the same sockets. */
void server_leave_queue(struct server *server);

/* What the app's start returned. */
void *server_state(const struct server *server, const struct app *app);

const struct settings *server_settings(const struct server *server);

const struct app *const *server_apps(const struct server *server); /* that are served; ends with NULL */

struct loop *server_loop(const struct server *server);

struct server_status {
    bool draining;
    bool told_ready; /* the log was told last that it is ready */
    size_t requests, connections;
};

struct server_status server_status(const struct server *server);
void server_free(struct server *server);

/* See core/readiness.h. */
void server_check(const struct server *server, bool in_full, struct readiness_check *checks);
void server_warn(const struct server *server, struct readiness_check *warnings);
bool server_ready(const struct server *server, const char **check, char *reason, size_t size);

#endif
