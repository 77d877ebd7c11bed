/* Listening sockets from addresses as people write them: host:port, [v6]:port, unix:PATH. Port 0 asks the
 * system for a free one. */
#ifndef ROWLOCK_PROC_LISTEN_H
#define ROWLOCK_PROC_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#define LISTEN_ADDRESS_MAX 160

/* Binds and listens, non-blocking and close-on-exec, with TCP_NODELAY and keep-alive inherited by what is
 * accepted. The descriptor is the caller's; -1 with *error (static or freshly written into the buffer).
 * bound gets the address in the same form, with the real port. A stale unix socket is replaced, a live one is not. */
int listen_open(const char *address, bool reuse_port, char bound[static LISTEN_ADDRESS_MAX], char *error,
                size_t error_size);

/* Could listen_open have that address? Asked without changing anything: a TCP address is listened on, and the
 * descriptor is the caller's, so that what is named twice is seen; of a unix socket the path is looked at. -1 with
 * the error. */
int listen_try(const char *address, char *error, size_t error_size);

/* Makes a socket that another program has bound like those of listen_open. False with a reason when it is not one that
 * listens for streams. */
bool listen_adopt(int fd, char *error, size_t error_size);

/* The address of a socket, as people write it; "" when it has none. */
void listen_name(int fd, char bound[static LISTEN_ADDRESS_MAX]);

/* Removes the file of a unix socket; harmless for other addresses, and for a file that another server has put in its
 * place since it was bound. */
struct listen_file {
    unsigned long device, inode; /* 0: none */
};
struct listen_file listen_file_of(const char *address);
void listen_remove(const char *address, struct listen_file file);

#endif
