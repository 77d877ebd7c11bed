/* libcurl, loaded when the first page is fetched: it brings a dozen libraries along (3 MiB of an idle server on Debian
 * 13) that a server without a distance provider need not carry. The functions are named as in libcurl, without
 * "curl_". */
#ifndef ROWLOCK_IO_CURL_H
#define ROWLOCK_IO_CURL_H

#include <curl/curl.h>

#define CURL_FUNCTIONS(FUNCTION)                                                                             \
    FUNCTION(global_init)                                                                                    \
    FUNCTION(global_cleanup)                                                                                 \
    FUNCTION(slist_append)                                                                                   \
    FUNCTION(slist_free_all)                                                                                 \
    FUNCTION(easy_init)                                                                                      \
    FUNCTION(easy_setopt)                                                                                    \
    FUNCTION(easy_getinfo)                                                                                   \
    FUNCTION(easy_header)                                                                                    \
    FUNCTION(easy_strerror)                                                                                  \
    FUNCTION(easy_cleanup)                                                                                   \
    FUNCTION(multi_init)                                                                                     \
    FUNCTION(multi_setopt)                                                                                   \
    FUNCTION(multi_add_handle)                                                                               \
    FUNCTION(multi_remove_handle)                                                                            \
    FUNCTION(multi_assign)                                                                                   \
    FUNCTION(multi_socket_action)                                                                            \
    FUNCTION(multi_info_read)                                                                                \
    FUNCTION(multi_cleanup)

#define CURL_MEMBER(name) __typeof__(curl_##name) *name;
struct curl_library {
    CURL_FUNCTIONS(CURL_MEMBER)
};
#undef CURL_MEMBER

/* NULL when it cannot be loaded; the log has the reason. Never unloaded. May block for the disk: call it at a start. */
const struct curl_library *curl_load(void);

#endif
