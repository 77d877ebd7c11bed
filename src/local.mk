# Everything but main.c is in a library, so that unit tests link the same objects. Layers from the bottom up:
# an #include points to its own layer or to one above it in this list, never down.

base_sources = \
	src/base/advice.c \
	src/base/advice.h \
	src/base/arena.c \
	src/base/arena.h \
	src/base/buf.c \
	src/base/buf.h \
	src/base/cacheurl.c \
	src/base/cacheurl.h \
	src/base/clock.c \
	src/base/clock.h \
	src/base/csv.c \
	src/base/csv.h \
	src/base/dburl.c \
	src/base/dburl.h \
	src/base/filekind.c \
	src/base/filekind.h \
	src/base/hash.c \
	src/base/hash.h \
	src/base/list.h \
	src/base/log.c \
	src/base/log.h \
	src/base/mem.c \
	src/base/mem.h \
	src/base/proxy.c \
	src/base/proxy.h \
	src/base/random.c \
	src/base/random.h \
	src/base/setting.c \
	src/base/setting.h \
	src/base/setting_values.c \
	src/base/setting_values.h \
	src/base/settings.c \
	src/base/settings.h \
	src/base/similar.c \
	src/base/similar.h \
	src/base/slice.h \
	src/base/standard.c \
	src/base/standard.h \
	src/base/text.c \
	src/base/text.h

io_sources = \
	src/io/curl.c \
	src/io/curl.h \
	src/io/db.h \
	src/io/fetch.c \
	src/io/fetch.h \
	src/io/http.h \
	src/io/http_chunks.c \
	src/io/http_chunks.h \
	src/io/http_conn.c \
	src/io/http_conn.h \
	src/io/http_host.c \
	src/io/http_host.h \
	src/io/http_parse.c \
	src/io/http_parse.h \
	src/io/http_room.c \
	src/io/http_room.h \
	src/io/http_server.c \
	src/io/json.c \
	src/io/json.h \
	src/io/listen.c \
	src/io/listen.h \
	src/io/loop.c \
	src/io/loop.h \
	src/io/memcached.c \
	src/io/memcached.h \
	src/io/pg.c \
	src/io/pg.h \
	src/io/pganswer.c \
	src/io/pganswer.h \
	src/io/pgconn.c \
	src/io/pgconn.h \
	src/io/pgparam.c \
	src/io/pgparam.h \
	src/io/pgsettings.c \
	src/io/pgsettings.h \
	src/io/pgtarget.c \
	src/io/pgtarget.h \
	src/io/redis.c \
	src/io/redis.h \
	src/io/remote.c \
	src/io/remote.h \
	src/io/resolve.c \
	src/io/resolve.h \
	src/io/session.c \
	src/io/session.h \
	src/io/session_pg.c \
	src/io/session_sqlite.c \
	src/io/simple.c \
	src/io/simple.h \
	src/io/sqlite.c \
	src/io/sqlite.h \
	src/io/sqlite_file.c \
	src/io/sqlite_file.h \
	src/io/sqlite_wal.c \
	src/io/sqlite_wal.h \
	src/io/sqlstate.c \
	src/io/sqlstate.h \
	src/io/store.h \
	src/io/systemd.c \
	src/io/systemd.h

core_sources = \
	src/core/cache.c \
	src/core/cache.h \
	src/core/call.c \
	src/core/call.h \
	src/core/conflict.c \
	src/core/conflict.h \
	src/core/etag.c \
	src/core/etag.h \
	src/core/idempotency.c \
	src/core/idempotency.h \
	src/core/import.c \
	src/core/import.h \
	src/core/master.c \
	src/core/master.h \
	src/core/migrate.c \
	src/core/migrate.h \
	src/core/origin.c \
	src/core/origin.h \
	src/core/paging.c \
	src/core/paging.h \
	src/core/precondition.c \
	src/core/precondition.h \
	src/core/refusal.c \
	src/core/refusal.h \
	src/core/reply.c \
	src/core/reply.h \
	src/core/request.c \
	src/core/request.h \
	src/core/route.h \
	src/core/router.c \
	src/core/router.h \
	src/core/rows.c \
	src/core/rows.h \
	src/core/server.c \
	src/core/server.h \
	src/core/shared.c \
	src/core/shared.h \
	src/core/sql.c \
	src/core/sql.h \
	src/core/stmt.h \
	src/core/validate.c \
	src/core/validate.h

apps_sources = \
	src/apps/apps.c \
	src/apps/apps.h \
	src/apps/distance.c \
	src/apps/distance.h \
	src/apps/health.c \
	src/apps/health.h \
	src/apps/health_import.c \
	src/apps/health_seed.c \
	src/apps/messages.c \
	src/apps/operations.c \
	src/apps/orders.c \
	src/apps/orders_seed.c \
	src/apps/orders_seed.h \
	src/apps/sites.c \
	src/apps/sites_seed.c \
	src/apps/sites_seed.h \
	src/apps/users.c \
	src/apps/users_seed.c \
	src/apps/users_seed.h

cmd_sources = \
	src/cmd/cmd.c \
	src/cmd/cmd.h \
	src/cmd/config.c \
	src/cmd/help.c \
	src/cmd/import.c \
	src/cmd/migrate.c \
	src/cmd/routes.c \
	src/cmd/seed.c \
	src/cmd/serve.c

rowlock_sources = src/main.c $(cmd_sources) $(apps_sources) $(core_sources) $(io_sources) $(base_sources)

AM_CPPFLAGS += $(EVENT_CFLAGS) $(PQ_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(HIREDIS_CFLAGS)
rowlock_libs = librowlock.a $(EVENT_LIBS) $(PQ_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(HIREDIS_LIBS) $(LIBM)

noinst_LIBRARIES += librowlock.a
librowlock_a_SOURCES = $(cmd_sources) $(apps_sources) $(core_sources) $(io_sources) $(base_sources)
nodist_librowlock_a_SOURCES = src/core/sql_texts.c
librowlock_a_CPPFLAGS = $(AM_CPPFLAGS)

bin_PROGRAMS += rowlock
rowlock_SOURCES = src/main.c
rowlock_CPPFLAGS = $(AM_CPPFLAGS) $(JEMALLOC_CFLAGS)
rowlock_LDADD = $(JEMALLOC_LIBS) $(rowlock_libs)

# The SQL travels in the binary.
src/core/sql_texts.c: $(sql_files) build-aux/embed-sql.awk
	$(AM_V_GEN)$(MKDIR_P) src/core && out=`pwd`/$@ && \
	(cd $(srcdir) && LC_ALL=C $(AWK) -f build-aux/embed-sql.awk $(sql_files)) >"$$out.tmp" && mv "$$out.tmp" "$$out"
CLEANFILES += src/core/sql_texts.c src/core/sql_texts.c.tmp
