/* proc/listen: sockets from addresses as people write them, and sockets that somebody else has bound. */
#include <config.h>

#include "unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/listen.h"

static char bound[LISTEN_ADDRESS_MAX], error[256], folder[64], address[128];

static int set_up(void **state)
{
    (void)state;
    strcpy(bound, "");
    strcpy(error, "");
    strcpy(folder, "/tmp/rowlock-listen-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(address, sizeof address, "unix:%s/s", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(address + 5);
    return rmdir(folder);
}

static int option(int fd, int level, int which)
{
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(fd, level, which, &value, &length);
    return value;
}

static int listens(const char *where)
{
    int fd = listen_open(where, false, bound, error, sizeof error);
    if (fd < 0)
        fail_msg("%s: %s", where, error);
    assert_int_equal(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    return fd;
}

static void refuses(const char *where, const char *says)
{
    assert_int_equal(listen_open(where, false, bound, error, sizeof error), -1);
    if (strstr(error, says) == NULL)
        fail_msg("%s: %s", where, error);
}

static void a_free_port_is_found_and_said(void **state)
{
    (void)state;
    int fd = listens("127.0.0.1:0");
    assert_memory_equal(bound, "127.0.0.1:", 10);
    assert_in_range(atoi(bound + 10), 1, 65535);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    char again[LISTEN_ADDRESS_MAX];
    listen_name(fd, again);
    assert_string_equal(again, bound);
    snprintf(again, sizeof again, "%s", bound);
    refuses(again, "it is in use");
    close(fd);
    close(listens(again));
}

static void an_address_of_ipv6_is_in_brackets(void **state)
{
    (void)state;
    int fd = listen_open("[::1]:0", false, bound, error, sizeof error);
    if (fd < 0)
        skip(); /* a host without IPv6 */
    assert_memory_equal(bound, "[::1]:", 6);
    assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    close(fd);
}

static void several_may_share_a_port_that_want_to(void **state)
{
    (void)state;
    char again[LISTEN_ADDRESS_MAX];
    int one = listen_open("127.0.0.1:0", true, bound, error, sizeof error), other;
    assert_true(one >= 0);
    snprintf(again, sizeof again, "%s", bound);
    other = listen_open(again, true, bound, error, sizeof error);
    assert_true(other >= 0);
    close(one);
    close(other);
}

static void what_is_no_address_is_said(void **state)
{
    (void)state;
    refuses("127.0.0.1", "cannot listen on 127.0.0.1: it has not the form host:port");
    refuses("127.0.0.1:", "it has not the form host:port");
    refuses("127.0.0.1:x", "it has not the form host:port");
    refuses("[::1:80", "it has not the form host:port");
    refuses("::1:80", "it has not the form host:port");
    refuses("]:80", "cannot listen on ]:80: ");
    refuses("192.0.2.1:0", "no interface of this host has that address");
    refuses("a name with spaces:0", "cannot listen on a name with spaces:0: ");
    refuses("unix:/nowhere/at/all", "cannot listen on unix:/nowhere/at/all: No such file or directory");
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    (void)state;
    int fd = listens(address);
    assert_string_equal(bound, address);
    refuses(address, "it is in use");
    close(fd); /* and leaves its file */
    fd = listens(address);
    listen_name(fd, bound);
    assert_string_equal(bound, address);
    close(fd);
}

static void a_file_that_is_no_socket_stays(void **state)
{
    (void)state;
    struct stat info;
    close(open(address + 5, O_CREAT | O_WRONLY, 0600));
    refuses(address, "it is in use");
    assert_int_equal(stat(address + 5, &info), 0);
}

static void only_the_own_file_is_removed(void **state)
{
    (void)state;
    struct stat info;
    int fd = listens(address);
    struct listen_file file = listen_file_of(address);
    assert_true(file.inode != 0);
    struct listen_file other = {file.device, file.inode + 1}, none = {0, 0};
    listen_remove(address, other);
    listen_remove(address, none);
    assert_int_equal(stat(address + 5, &info), 0);
    listen_remove(address, file);
    assert_int_equal(stat(address + 5, &info), -1);
    listen_remove(address, file);
    assert_int_equal(listen_file_of("127.0.0.1:80").inode, 0);
    assert_int_equal(listen_file_of("unix:/nowhere").inode, 0);
    close(fd);
}

static void adopts(int fd, const char *why)
{
    bool taken = listen_adopt(fd, error, sizeof error);
    if (taken != (why == NULL) || (!taken && strstr(error, why) == NULL))
        fail_msg("%s: %s", why != NULL ? why : "", error);
    close(fd);
}

static void a_socket_of_somebody_else_must_listen_for_streams(void **state)
{
    (void)state;
    int pair[2], listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(listen(listening, 1), 0);
    int copy = dup(listening);
    adopts(listening, NULL);
    assert_true((fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
    assert_int_equal(option(copy, IPPROTO_TCP, TCP_NODELAY), 1);
    close(copy);
    adopts(socket(AF_INET, SOCK_STREAM, 0), "it does not listen");
    adopts(socket(AF_INET, SOCK_DGRAM, 0), "it must be a stream socket");
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    adopts(pair[0], "it must be a stream socket");
    close(pair[1]);
    adopts(open("/dev/null", O_RDONLY), "it is not a socket");
    adopts(-1, "Bad file descriptor");
}

static void what_has_no_name_has_none(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    strcpy(bound, "x");
    listen_name(pair[0], bound);
    assert_string_equal(bound, "");
    close(pair[0]);
    close(pair[1]);
    strcpy(bound, "x");
    listen_name(-1, bound);
    assert_string_equal(bound, "");
}

#define LISTEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTEN(a_free_port_is_found_and_said),
        LISTEN(an_address_of_ipv6_is_in_brackets),
        LISTEN(several_may_share_a_port_that_want_to),
        LISTEN(what_is_no_address_is_said),
        LISTEN(a_stale_socket_is_replaced_and_a_live_one_is_not),
        LISTEN(a_file_that_is_no_socket_stays),
        LISTEN(only_the_own_file_is_removed),
        LISTEN(a_socket_of_somebody_else_must_listen_for_streams),
        LISTEN(what_has_no_name_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
