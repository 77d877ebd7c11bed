# Everything but main.c is in a library, so that unit tests link the same objects. The lists stand in the order of the
# layers, the lowest first: an #include points to its own folder or down, to one of a list further up in this file
# (build-aux/check-sources has which).

base_sources = \
	src/base/advice.c \
	src/base/advice.h \
	src/base/arena.c \
	src/base/arena.h \
	src/base/backoff.h \
	src/base/buf.c \
	src/base/buf.h \
	src/base/cacheurl.c \
	src/base/cacheurl.h \
	src/base/clock.c \
	src/base/clock.h \
	src/base/command_line.c \
	src/base/command_line.h \
	src/base/csv.c \
	src/base/csv.h \
	src/base/dburl.c \
	src/base/dburl.h \
	src/base/digest.c \
	src/base/digest.h \
	src/base/envfile.c \
	src/base/envfile.h \
	src/base/environment.c \
	src/base/environment.h \
	src/base/filekind.c \
	src/base/filekind.h \
	src/base/hash.c \
	src/base/hash.h \
	src/base/ip.c \
	src/base/ip.h \
	src/base/json.c \
	src/base/json.h \
	src/base/jsonout.c \
	src/base/jsonout.h \
	src/base/lines.c \
	src/base/lines.h \
	src/base/list.h \
	src/base/log.c \
	src/base/log.h \
	src/base/mem.c \
	src/base/mem.h \
	src/base/progress.c \
	src/base/progress.h \
	src/base/proxy.c \
	src/base/proxy.h \
	src/base/random.c \
	src/base/random.h \
	src/base/setting.c \
	src/base/setting.h \
	src/base/similar.c \
	src/base/similar.h \
	src/base/slice.h \
	src/base/standard.c \
	src/base/standard.h \
	src/base/text.c \
	src/base/textfile.c \
	src/base/textfile.h \
	src/base/text.h

metrics_sources = \
	src/metrics/metric.c \
	src/metrics/metric.h \
	src/metrics/metrics.c \
	src/metrics/metrics.h \
	src/metrics/metrics_text.c \
	src/metrics/metrics_text.h \
	src/metrics/process_metrics.c \
	src/metrics/process_metrics.h

io_sources = \
	src/io/curl.c \
	src/io/curl.h \
	src/io/fetch.c \
	src/io/fetch.h \
	src/io/loop.c \
	src/io/loop.h \
	src/io/resolve.c \
	src/io/resolve.h

http_sources = \
	src/http/http.h \
	src/http/http_canonical.c \
	src/http/http_canonical.h \
	src/http/http_chunks.c \
	src/http/http_chunks.h \
	src/http/http_conn.c \
	src/http/http_conn.h \
	src/http/http_direct.c \
	src/http/http_engine.c \
	src/http/http_engine.h \
	src/http/http_evhttp.c \
	src/http/http_fields.c \
	src/http/http_fields.h \
	src/http/http_groups.c \
	src/http/http_groups.h \
	src/http/http_host.c \
	src/http/http_host.h \
	src/http/http_parse.c \
	src/http/http_parse.h \
	src/http/http_reader.c \
	src/http/http_reader.h \
	src/http/http_room.c \
	src/http/http_room.h \
	src/http/http_server.c \
	src/http/http_spares.c \
	src/http/http_spares.h \
	src/http/http_writer.c \
	src/http/http_writer.h

trace_sources = \
	src/trace/otlp.c \
	src/trace/otlp.h \
	src/trace/span.c \
	src/trace/span.h \
	src/trace/trace.c \
	src/trace/trace.h

db_sources = \
	src/db/db.h \
	src/db/session.c \
	src/db/session.h \
	src/db/statement.h

pg_sources = \
	src/pg/pg.c \
	src/pg/pg.h \
	src/pg/pganswer.c \
	src/pg/pganswer.h \
	src/pg/pgattempt.c \
	src/pg/pgattempt.h \
	src/pg/pgconn.c \
	src/pg/pgconn.h \
	src/pg/pghealth.c \
	src/pg/pghealth.h \
	src/pg/pgnotices.c \
	src/pg/pgnotices.h \
	src/pg/pgparam.c \
	src/pg/pgparam.h \
	src/pg/pgpool.c \
	src/pg/pgpool.h \
	src/pg/pgsettings.c \
	src/pg/pgsettings.h \
	src/pg/pgtarget.c \
	src/pg/pgtarget.h \
	src/pg/pooler.h \
	src/pg/session_pg.c \
	src/pg/session_pg.h \
	src/pg/sqlstate.c \
	src/pg/sqlstate.h

sqlite_sources = \
	src/sqlite/session_sqlite.c \
	src/sqlite/session_sqlite.h \
	src/sqlite/sqlite.c \
	src/sqlite/sqlite.h \
	src/sqlite/sqlite_block.c \
	src/sqlite/sqlite_block.h \
	src/sqlite/sqlite_file.c \
	src/sqlite/sqlite_file.h \
	src/sqlite/sqlite_wal.c \
	src/sqlite/sqlite_wal.h

store_sources = \
	src/store/memcached.c \
	src/store/memcached.h \
	src/store/redis.c \
	src/store/redis.h \
	src/store/store.h \
	src/store/store_memory.c \
	src/store/store_memory.h \
	src/store/store_remote.c \
	src/store/store_remote.h

proc_sources = \
	src/proc/listen.c \
	src/proc/listen.h \
	src/proc/master.c \
	src/proc/master.h \
	src/proc/systemd.c \
	src/proc/systemd.h

web_sources = \
	src/web/asset.c \
	src/web/asset.h \
	src/web/format.c \
	src/web/format.h \
	src/web/template.c \
	src/web/template.h

prove_sources = \
	src/prove/api.c \
	src/prove/api.h \
	src/prove/campaign.c \
	src/prove/campaign.h \
	src/prove/courier.c \
	src/prove/courier.h \
	src/prove/history.c \
	src/prove/history.h \
	src/prove/history_file.c \
	src/prove/history_file.h \
	src/prove/judge.c \
	src/prove/judge.h \
	src/prove/picture.c \
	src/prove/picture.h \
	src/prove/register.c \
	src/prove/register.h \
	src/prove/search.c \
	src/prove/search.h \
	src/prove/steps.c \
	src/prove/steps.h \
	src/prove/tally.c \
	src/prove/tally.h \
	src/prove/words.c \
	src/prove/words.h

core_sources = \
	src/core/accept.c \
	src/core/accept.h \
	src/core/access_log.c \
	src/core/access_log.h \
	src/core/admit.c \
	src/core/admit.h \
	src/core/allowance.c \
	src/core/allowance.h \
	src/core/answer.c \
	src/core/answer.h \
	src/core/app.h \
	src/core/bind.c \
	src/core/bind.h \
	src/core/buckets.c \
	src/core/buckets.h \
	src/core/cache.c \
	src/core/cache.h \
	src/core/call.c \
	src/core/call.h \
	src/core/caller.c \
	src/core/caller.h \
	src/core/chore.c \
	src/core/chore.h \
	src/core/coding.c \
	src/core/coding.h \
	src/core/conflict.c \
	src/core/conflict.h \
	src/core/cors.c \
	src/core/cors.h \
	src/core/crowd.c \
	src/core/crowd.h \
	src/core/dbhealth.c \
	src/core/dbhealth.h \
	src/core/dispatch.c \
	src/core/dispatch.h \
	src/core/etag.c \
	src/core/etag.h \
	src/core/feed.c \
	src/core/feed.h \
	src/core/feed_client.c \
	src/core/feed_client.h \
	src/core/feed_event.c \
	src/core/feed_event.h \
	src/core/feed_owners.c \
	src/core/feed_owners.h \
	src/core/feed_position.c \
	src/core/feed_position.h \
	src/core/feed_reader.c \
	src/core/feed_reader.h \
	src/core/feed_ring.c \
	src/core/feed_ring.h \
	src/core/feed_serve.c \
	src/core/feed_serve.h \
	src/core/form.c \
	src/core/form.h \
	src/core/form_token.c \
	src/core/form_token.h \
	src/core/forwarded.c \
	src/core/forwarded.h \
	src/core/gauges.c \
	src/core/gauges.h \
	src/core/hosts.c \
	src/core/hosts.h \
	src/core/idempotency.c \
	src/core/idempotency.h \
	src/core/import.c \
	src/core/import.h \
	src/core/key_line.c \
	src/core/key_line.h \
	src/core/key_text.c \
	src/core/key_text.h \
	src/core/key_watch.c \
	src/core/key_watch.h \
	src/core/keys.c \
	src/core/keys.h \
	src/core/keys_file.c \
	src/core/keys_file.h \
	src/core/limits.c \
	src/core/limits.h \
	src/core/locks.c \
	src/core/locks.h \
	src/core/meter.c \
	src/core/meter.h \
	src/core/migrate.c \
	src/core/migrate.h \
	src/core/obtain.c \
	src/core/obtain.h \
	src/core/origin.c \
	src/core/origin.h \
	src/core/own.c \
	src/core/own.h \
	src/core/page.c \
	src/core/page.h \
	src/core/page_data.c \
	src/core/page_data.h \
	src/core/paging.c \
	src/core/paging.h \
	src/core/pending.h \
	src/core/precondition.c \
	src/core/precondition.h \
	src/core/readiness.c \
	src/core/readiness.h \
	src/core/refusal.c \
	src/core/refusal.h \
	src/core/reply.c \
	src/core/reply.h \
	src/core/request.c \
	src/core/request.h \
	src/core/respond.c \
	src/core/respond.h \
	src/core/route.c \
	src/core/route.h \
	src/core/router.c \
	src/core/router.h \
	src/core/rows.c \
	src/core/rows.h \
	src/core/scope.c \
	src/core/scope.h \
	src/core/server.c \
	src/core/server.h \
	src/core/server_parts.h \
	src/core/set_trace.c \
	src/core/set_trace.h \
	src/core/settings.c \
	src/core/settings.h \
	src/core/shared.c \
	src/core/shared.h \
	src/core/sign_in.c \
	src/core/sign_in.h \
	src/core/sql.c \
	src/core/sql.h \
	src/core/tracing.c \
	src/core/tracing.h \
	src/core/trusted.c \
	src/core/trusted.h \
	src/core/turns.c \
	src/core/turns.h \
	src/core/validate.c \
	src/core/validate.h \
	src/core/visit.c \
	src/core/visit.h \
	src/core/visitor.c \
	src/core/visitor.h \
	src/core/weight.c \
	src/core/weight.h

openapi_sources = \
	src/openapi/openapi.c \
	src/openapi/openapi.h \
	src/openapi/openapi_failure.c \
	src/openapi/openapi_failure.h \
	src/openapi/openapi_field.c \
	src/openapi/openapi_field.h \
	src/openapi/openapi_id.c \
	src/openapi/openapi_id.h \
	src/openapi/openapi_link.c \
	src/openapi/openapi_link.h \
	src/openapi/openapi_operation.c \
	src/openapi/openapi_operation.h \
	src/openapi/openapi_schema.c \
	src/openapi/openapi_schema.h \
	src/openapi/openapi_security.c \
	src/openapi/openapi_security.h

apps_sources = \
	src/apps/apps.c \
	src/apps/apps.h \
	src/apps/distance.c \
	src/apps/distance.h \
	src/apps/health.c \
	src/apps/health.h \
	src/apps/health_import.c \
	src/apps/health_seed.c \
	src/apps/board.c \
	src/apps/board.h \
	src/apps/inbox.c \
	src/apps/inbox.h \
	src/apps/labs.c \
	src/apps/labs.h \
	src/apps/messages.c \
	src/apps/operations.c \
	src/apps/orders.c \
	src/apps/orders_change.c \
	src/apps/orders_change.h \
	src/apps/orders_claim.c \
	src/apps/orders_claim.h \
	src/apps/orders_list.c \
	src/apps/orders_list.h \
	src/apps/orders_events.c \
	src/apps/orders_events.h \
	src/apps/orders_seed.c \
	src/apps/orders_seed.h \
	src/apps/orders_table.c \
	src/apps/orders_table.h \
	src/apps/sign_in_page.c \
	src/apps/sign_in_page.h \
	src/apps/sites.c \
	src/apps/sites_seed.c \
	src/apps/sites_seed.h \
	src/apps/regions_page.c \
	src/apps/regions_page.h \
	src/apps/start_page.c \
	src/apps/start_page.h \
	src/apps/users.c \
	src/apps/users_page.c \
	src/apps/users_page.h \
	src/apps/users_seed.c \
	src/apps/users_seed.h

cmd_sources = \
	src/cmd/check.c \
	src/cmd/check.h \
	src/cmd/cmd.c \
	src/cmd/cmd.h \
	src/cmd/commands.c \
	src/cmd/config.c \
	src/cmd/help.c \
	src/cmd/import.c \
	src/cmd/key.c \
	src/cmd/migrate.c \
	src/cmd/openapi.c \
	src/cmd/prove.c \
	src/cmd/routes.c \
	src/cmd/seed.c \
	src/cmd/serve.c

librowlock_sources = \
	$(base_sources) \
	$(metrics_sources) \
	$(io_sources) \
	$(http_sources) \
	$(trace_sources) \
	$(db_sources) \
	$(pg_sources) \
	$(sqlite_sources) \
	$(store_sources) \
	$(proc_sources) \
	$(web_sources) \
	$(prove_sources) \
	$(core_sources) \
	$(openapi_sources) \
	$(apps_sources) \
	$(cmd_sources)

rowlock_sources = src/main.c $(librowlock_sources)

AM_CPPFLAGS += -I$(top_builddir)/src $(EVENT_CFLAGS) $(PQ_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(HIREDIS_CFLAGS) $(DEFLATE_CFLAGS) $(CRYPTO_CFLAGS)
rowlock_libs = librowlock.a $(EVENT_LIBS) $(PQ_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(HIREDIS_LIBS) $(DEFLATE_LIBS) $(CRYPTO_LIBS) $(LIBM)

noinst_LIBRARIES += librowlock.a
librowlock_a_SOURCES = $(librowlock_sources)
nodist_librowlock_a_SOURCES = src/core/sql_texts.c src/core/statements.h src/web/asset_bytes.c src/web/template_ops.c src/web/templates.h
librowlock_a_CPPFLAGS = $(AM_CPPFLAGS)

bin_PROGRAMS += rowlock
rowlock_SOURCES = src/main.c
rowlock_CPPFLAGS = $(AM_CPPFLAGS) $(JEMALLOC_CFLAGS)
rowlock_LDADD = $(JEMALLOC_LIBS) $(rowlock_libs)

# The SQL travels in the binary.
embed_sql = $(AM_V_GEN)$(MKDIR_P) src/core && out=`pwd`/$@ && cd $(srcdir) && LC_ALL=C $(AWK) -v part=$(embed_part) \
	-f build-aux/c-text.awk -f build-aux/embed-sql.awk $(sql_files) >"$$out.tmp" && mv "$$out.tmp" "$$out"
src/core/sql_texts.c: embed_part = source
src/core/sql_texts.c: $(sql_files) build-aux/c-text.awk build-aux/embed-sql.awk
	$(embed_sql)
src/core/statements.h: embed_part = header
src/core/statements.h: $(sql_files) build-aux/c-text.awk build-aux/embed-sql.awk
	$(embed_sql)

# So do pages, and what they load.
embed_assets = $(AM_V_GEN)$(MKDIR_P) src/web && out=`pwd`/$@ && cd $(srcdir) && LC_ALL=C $(SHELL) build-aux/embed-assets \
	$(embed_part) $(web_assets) >"$$out.tmp" && mv "$$out.tmp" "$$out"
src/web/assets.list: embed_part = list
src/web/assets.list: $(web_assets) build-aux/embed-assets
	$(embed_assets)
src/web/asset_bytes.c: embed_part = source
src/web/asset_bytes.c: $(web_assets) build-aux/embed-assets
	$(embed_assets)
embed_pages = $(AM_V_GEN)$(MKDIR_P) src/web && here=`pwd` && cd $(srcdir) && LC_ALL=C $(AWK) -v part=$(embed_part) \
	-f build-aux/c-text.awk -f build-aux/embed-pages.awk src/web/format.h "$$here/src/web/assets.list" $(web_templates) >"$$here/$@.tmp" && \
	mv "$$here/$@.tmp" "$$here/$@"
embed_pages_from = $(web_templates) src/web/format.h src/web/assets.list build-aux/c-text.awk build-aux/embed-pages.awk
src/web/template_ops.c: embed_part = source
src/web/template_ops.c: $(embed_pages_from)
	$(embed_pages)
src/web/templates.h: embed_part = header
src/web/templates.h: $(embed_pages_from)
	$(embed_pages)

built_headers = src/core/statements.h src/web/templates.h
BUILT_SOURCES += $(built_headers)
$(librowlock_a_OBJECTS): | $(built_headers) # for make rowlock, which makes no BUILT_SOURCES
CLEANFILES += src/core/sql_texts.c src/core/sql_texts.c.tmp src/core/statements.h src/core/statements.h.tmp \
	src/web/asset_bytes.c src/web/asset_bytes.c.tmp src/web/assets.list src/web/assets.list.tmp \
	src/web/template_ops.c src/web/template_ops.c.tmp src/web/templates.h src/web/templates.h.tmp
