/* curl_load -> find each function of the table. */
#include <config.h>

#include "io/curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"

#define CURL_ROW(name) {"curl_" #name, offsetof(struct curl_library, name)},
static const struct {
    const char *name;
    size_t member;
} functions[] = {CURL_FUNCTIONS(CURL_ROW)};

/* The object's address is copied, because C has no conversion from an object's address to a function's (POSIX has). */
static bool find_functions(void *handle, struct curl_library *library)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *address = dlsym(handle, functions[i].name);
        if (address == NULL)
            return false;
        memcpy((char *)library + functions[i].member, &address, sizeof address);
    }
    return true;
}

const struct curl_library *curl_load(void)
{
    static struct curl_library library;
    static bool loaded;
    if (loaded)
        return &library;
    void *handle = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    loaded = handle != NULL && find_functions(handle, &library);
    if (loaded)
        return &library;
    log_error("cannot load libcurl", LOG_S("library", CURL_LIBRARY), LOG_S("reason", dlerror()));
    return NULL;
}
