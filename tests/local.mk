# make check speaks TAP, so that every case is counted: unit tests through tests/unit/tap, the Python suites through
# tests/pytest-tap, the scripts by themselves.

# A new one is a line here.
unit_sources = \
	tests/unit/test_accept.c \
	tests/unit/test_access_log.c \
	tests/unit/test_cacheurl.c \
	tests/unit/test_call.c \
	tests/unit/test_caller.c \
	tests/unit/test_coding.c \
	tests/unit/test_conflict.c \
	tests/unit/test_csv.c \
	tests/unit/test_dbhealth.c \
	tests/unit/test_dburl.c \
	tests/unit/test_embed_sql.c \
	tests/unit/test_etag.c \
	tests/unit/test_feed.c \
	tests/unit/test_feed_ring.c \
	tests/unit/test_filekind.c \
	tests/unit/test_form.c \
	tests/unit/test_hosts.c \
	tests/unit/test_http_canonical.c \
	tests/unit/test_http_conn.c \
	tests/unit/test_http_evhttp.c \
	tests/unit/test_http_host.c \
	tests/unit/test_http_parse.c \
	tests/unit/test_http_reader.c \
	tests/unit/test_http_room.c \
	tests/unit/test_http_writer.c \
	tests/unit/test_import.c \
	tests/unit/test_json.c \
	tests/unit/test_keys.c \
	tests/unit/test_limits.c \
	tests/unit/test_listen.c \
	tests/unit/test_locks.c \
	tests/unit/test_log.c \
	tests/unit/test_loop.c \
	tests/unit/test_master.c \
	tests/unit/test_memory.c \
	tests/unit/test_metrics.c \
	tests/unit/test_migrate.c \
	tests/unit/test_openapi.c \
	tests/unit/test_origin.c \
	tests/unit/test_pg.c \
	tests/unit/test_pganswer.c \
	tests/unit/test_pgattempt.c \
	tests/unit/test_pgparam.c \
	tests/unit/test_pgsettings.c \
	tests/unit/test_pgtarget.c \
	tests/unit/test_progress.c \
	tests/unit/test_prove_history.c \
	tests/unit/test_prove_search.c \
	tests/unit/test_proxy.c \
	tests/unit/test_readiness.c \
	tests/unit/test_refusal.c \
	tests/unit/test_reply.c \
	tests/unit/test_requests.c \
	tests/unit/test_resolve.c \
	tests/unit/test_route.c \
	tests/unit/test_router.c \
	tests/unit/test_rows.c \
	tests/unit/test_session.c \
	tests/unit/test_settings.c \
	tests/unit/test_similar.c \
	tests/unit/test_small.c \
	tests/unit/test_span.c \
	tests/unit/test_sqlite.c \
	tests/unit/test_sqlite_file.c \
	tests/unit/test_store_memory.c \
	tests/unit/test_store_remote.c \
	tests/unit/test_systemd.c \
	tests/unit/test_template.c \
	tests/unit/test_text.c \
	tests/unit/test_trace.c \
	tests/unit/test_validate.c

# Each of them is one file, built with what a program gets that says nothing of its own.
unit_programs = $(unit_sources:.c=)
AM_CPPFLAGS += $(CMOCKA_CFLAGS)
LDADD = $(rowlock_libs) $(CMOCKA_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += $(unit_programs)
unit_tests = $(unit_programs)
else
unit_tests = tests/unit/cmocka-missing.test
endif

# Nothing of what is built is run by these: once is enough.
if !SANITIZERS
if SYSTEMD_UNITS
unit_file_tests = tests/build/systemd.test
endif
build_tests = tests/build/embed-pages.test tests/build/embed-sql.test tests/build/gnumakefile.test tests/build/sources.test $(unit_file_tests)
rig_tests = loadtest/loadtest.test
browser_tests = tests/browser.test
fuzz_tests = tests/fuzz.test
endif

# Those that need no database; see tests/parts for what the others are.
small_tests = $(unit_tests) $(build_tests) tests/probe.test
quick_parts = tests/quick-operate.test tests/quick.test tests/quick-commands.test tests/quick-http.test
# What takes longest begins first.
slow_parts = \
	tests/direct.test \
	$(browser_tests) \
	tests/workers.test \
	tests/rest.test \
	tests/prove.test \
	tests/events.test \
	tests/outages.test \
	tests/commands.test \
	tests/starts.test \
	tests/cache.test \
	tests/sessions.test \
	tests/alone.test
quick_tests = $(small_tests) $(quick_parts)
slow_tests = $(slow_parts) tests/load.test $(rig_tests) $(fuzz_tests)
server_tests = $(quick_parts) $(slow_tests)
TESTS += $(quick_tests) $(slow_tests)

# Behind all others that run now. (In the words of GNU make, which automake need not read.)
tests/alone.log: @logs_of_others@

python_tests = \
	tests/conftest.py \
	tests/pytest.ini \
	tests/api/clients/order.py \
	tests/browser/conftest.py \
	tests/browser/test_board.py \
	tests/browser/test_cors.py \
	tests/browser/test_docs.py \
	tests/browser/test_inbox.py \
	tests/browser/test_labs.py \
	tests/browser/test_regions.py \
	tests/browser/test_sign_in.py \
	tests/browser/test_start.py \
	tests/browser/test_users.py \
	tests/api/conftest.py \
	tests/api/schemathesis_hooks.py \
	tests/api/test_accessibility.py \
	tests/api/test_clients.py \
	tests/api/test_otlp.py \
	tests/api/test_schemathesis.py \
	tests/api/tools.py \
	tests/docker/conftest.py \
	tests/docker/deployment.py \
	tests/docker/engine.py \
	tests/docker/stranger.py \
	tests/docker/test_development.py \
	tests/docker/test_empty_machine.py \
	tests/docker/test_image.py \
	tests/docker/test_production.py \
	tests/fault/conftest.py \
	tests/fault/test_claims.py \
	tests/fault/test_client_faults.py \
	tests/fault/test_database_faults.py \
	tests/fault/test_database_room.py \
	tests/fault/test_event_streams.py \
	tests/fault/test_fairness.py \
	tests/fault/test_failover.py \
	tests/fault/test_network_faults.py \
	tests/fault/test_process_faults.py \
	tests/fault/test_sqlite_faults.py \
	tests/fault/test_sqlite_file.py \
	tests/fault/test_streamed_replies.py \
	tests/fault/test_unread_answers.py \
	tests/fault/test_workers.py \
	tests/ha/conftest.py \
	tests/ha/test_contrib_patroni.py \
	tests/ha/test_patroni.py \
	tests/integration/test_access_log.py \
	tests/integration/test_add_resource.py \
	tests/integration/test_board.py \
	tests/integration/test_cache.py \
	tests/integration/test_callers.py \
	tests/integration/test_check.py \
	tests/integration/test_coming_from.py \
	tests/integration/test_commands.py \
	tests/integration/test_contrib.py \
	tests/integration/test_descriptors.py \
	tests/integration/test_distance.py \
	tests/integration/test_docs_api.py \
	tests/integration/test_docs_guarantees.py \
	tests/integration/test_docs_operations.py \
	tests/integration/test_docs_schema.py \
	tests/integration/test_foreign_settings.py \
	tests/integration/test_health.py \
	tests/integration/test_health_regions.py \
	tests/integration/test_http_bodies.py \
	tests/integration/test_http_browsers.py \
	tests/integration/test_http_caching.py \
	tests/integration/test_http_cases.py \
	tests/integration/test_http_connections.py \
	tests/integration/test_http_cors.py \
	tests/integration/test_http_engines.py \
	tests/integration/test_http_framing.py \
	tests/integration/test_http_gzip.py \
	tests/integration/test_http_hosts.py \
	tests/integration/test_http_limits.py \
	tests/integration/test_http_routing.py \
	tests/integration/test_idempotency.py \
	tests/integration/test_kept_changes.py \
	tests/integration/test_keys.py \
	tests/integration/test_keys_renewal.py \
	tests/integration/test_keys_takers.py \
	tests/integration/test_import.py \
	tests/integration/test_lease_front.py \
	tests/integration/test_labs_page.py \
	tests/integration/test_leaves_nothing.py \
	tests/integration/test_life.py \
	tests/integration/test_limits.py \
	tests/integration/test_logs.py \
	tests/integration/test_messages.py \
	tests/integration/test_metrics.py \
	tests/integration/test_metrics_work.py \
	tests/integration/test_openapi.py \
	tests/integration/test_original_clients.py \
	tests/integration/test_orders_claim.py \
	tests/integration/test_orders_front.py \
	tests/integration/test_orders_journal.py \
	tests/integration/test_nginx.py \
	tests/integration/test_order_events.py \
	tests/integration/test_orders_lease.py \
	tests/integration/test_orders_machine.py \
	tests/integration/test_orders_near.py \
	tests/integration/test_orders_place.py \
	tests/integration/test_orders_read.py \
	tests/integration/test_orders_take.py \
	tests/integration/test_pages.py \
	tests/integration/test_patience.py \
	tests/integration/test_pgbouncer.py \
	tests/integration/test_plans.py \
	tests/integration/test_preconditions.py \
	tests/integration/test_prove.py \
	tests/integration/test_proxy.py \
	tests/integration/test_race.py \
	tests/integration/test_race_leases.py \
	tests/integration/test_regions_page.py \
	tests/integration/test_renewal.py \
	tests/integration/test_repeated_words.py \
	tests/integration/test_routes.py \
	tests/integration/test_run.py \
	tests/integration/test_run_again.py \
	tests/integration/test_seed_users.py \
	tests/integration/test_seed_clients.py \
	tests/integration/test_sets.py \
	tests/integration/test_setting_values.py \
	tests/integration/test_serve_check.py \
	tests/integration/test_settings.py \
	tests/integration/test_terminal.py \
	tests/integration/test_sign_in.py \
	tests/integration/test_sites.py \
	tests/integration/test_sites_by_hand.py \
	tests/integration/test_sites_history.py \
	tests/integration/test_sizes.py \
	tests/integration/test_sqlstates.py \
	tests/integration/test_systemd.py \
	tests/integration/test_traces.py \
	tests/integration/test_users.py \
	tests/integration/test_users_page.py \
	tests/integration/test_wrong_usage.py \
	tests/probe/test_healthcheck.py \
	tests/support/__init__.py \
	tests/support/activate.py \
	tests/support/browser.py \
	tests/support/busy.py \
	tests/support/cacheserver.py \
	tests/support/cluster.py \
	tests/support/collector.py \
	tests/support/crowd.py \
	tests/support/database.py \
	tests/support/disk.py \
	tests/support/events.py \
	tests/support/expect.py \
	tests/support/github.py \
	tests/support/holds.py \
	tests/support/httpcases.py \
	tests/support/keys.py \
	tests/support/metrics.py \
	tests/support/nginx.py \
	tests/support/notify.py \
	tests/support/pages.py \
	tests/support/patroni.py \
	tests/support/openapi.py \
	tests/support/pgbouncer.py \
	tests/support/plans.py \
	tests/support/port.py \
	tests/support/program.py \
	tests/support/provider.py \
	tests/support/proxy.py \
	tests/support/rawhttp.py \
	tests/support/scripted.py \
	tests/support/server.py \
	tests/support/tcpproxy.py \
	tests/support/terminal.py \
	tests/support/traffic.py \
	tests/support/transcript.py \
	tests/support/wait.py \
	tests/support/wrongserver.py

fuzz_sources = \
	tests/fuzz/fuzz_csv.c \
	tests/fuzz/fuzz_files.c \
	tests/fuzz/fuzz_http.c \
	tests/fuzz/fuzz_request.c \
	tests/fuzz/fuzz_settings.c
# Built by tests/fuzz/run, in a tree of its own.
fuzz_programs = \
	tests/fuzz/fuzz_csv \
	tests/fuzz/fuzz_files \
	tests/fuzz/fuzz_request \
	tests/fuzz/fuzz_settings
EXTRA_PROGRAMS += $(fuzz_programs)
CLEANFILES += tests/fuzz/fuzz_http $(fuzz_programs)

EXTRA_DIST += \
	$(python_tests) \
	tests/build/embed-pages.test \
	tests/api.test \
	tests/api/clients/order.ts \
	tests/api/clients/tsconfig.json \
	tests/api/package.json \
	tests/api/schemathesis.toml \
	tests/build/embed-sql.test \
	tests/build/gnumakefile.test \
	tests/build/sources.test \
	tests/build/systemd.test \
	tests/docker.test \
	tests/docker/standins/nginx/Dockerfile \
	tests/docker/standins/nginx/docker-entrypoint.sh \
	tests/docker/standins/pgadmin/Dockerfile \
	tests/docker/standins/pgadmin/start \
	tests/docker/standins/postgres/Dockerfile \
	tests/docker/standins/postgres/docker-entrypoint.sh \
	tests/docker/standins/redis/Dockerfile \
	tests/fuzz.test \
	tests/fuzz/corpus \
	tests/fuzz/csv.cases \
	tests/fuzz/files.cases \
	tests/fuzz/fuzz.h \
	tests/fuzz/http.cases \
	tests/fuzz/http.corpus \
	tests/fuzz/http.dict \
	tests/fuzz/request.cases \
	tests/fuzz/run \
	tests/ha.test \
	tests/fuzz/settings.cases \
	tests/fuzz/text.dict \
	$(fuzz_sources) \
	tests/README.md \
	tests/alone.test \
	tests/browser.test \
	tests/cache.test \
	tests/commands.test \
	tests/coverage \
	tests/direct.test \
	tests/events.test \
	tests/http-cases/h1spec.cases \
	tests/http-cases/llhttp.cases \
	tests/http-cases/picohttpparser.cases \
	tests/http-cases/run \
	tests/http-cases/smuggling.cases \
	tests/load.test \
	tests/outages.test \
	tests/parts \
	tests/probe.test \
	tests/prove.test \
	tests/quick-commands.test \
	tests/quick-http.test \
	tests/quick-operate.test \
	tests/quick.test \
	tests/rest.test \
	tests/sessions.test \
	tests/support/openapi31/LICENSE \
	tests/support/openapi31/schema.json \
	tests/workers.test \
	tests/pytest-tap \
	tests/unit/cmocka-missing.test \
	tests/unit/tap \
	tests/unit/unit.h

TEST_EXTENSIONS = .test
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/unit/tap
TEST_LOG_DRIVER = $(tap_driver)
TEST_LOG_COMPILER = $(SHELL)

AM_TESTS_ENVIRONMENT = \
	ROWLOCK='$(abs_top_builddir)/rowlock$(EXEEXT)'; export ROWLOCK; \
	ROWLOCK_HEALTHCHECK='$(abs_top_builddir)/rowlock-healthcheck$(EXEEXT)'; export ROWLOCK_HEALTHCHECK; \
	AWK='$(AWK)'; export AWK; \
	EVENT_CFLAGS='$(EVENT_CFLAGS)'; export EVENT_CFLAGS; \
	EVENT_LIBS='$(EVENT_LIBS)'; export EVENT_LIBS; \
	PYTHON='$(PYTHON)'; export PYTHON; \
	ROWLOCK_TEST_TOOLS='$(abs_top_builddir)/tests/tools'; export ROWLOCK_TEST_TOOLS; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;
if SANITIZERS
AM_TESTS_ENVIRONMENT += \
	ASAN_OPTIONS="detect_leaks=1:$$ASAN_OPTIONS"; export ASAN_OPTIONS; \
	UBSAN_OPTIONS="print_stacktrace=1:$$UBSAN_OPTIONS"; export UBSAN_OPTIONS;
endif

.PHONY: test-unit test-integration test-quick test-slow check-http check-api fuzz fuzz-http check-docker check-ha coverage
test-unit:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(unit_tests)'

test-integration:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(server_tests)'

# What breaks most often, within a minute or two; and all the rest.
test-quick:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(quick_tests)'

test-slow:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(slow_tests)'

# What suites in the field try on HTTP servers, on both engines: passed and tried of each. Two of them are from PyPI.
check-http: all
	ROWLOCK='$(abs_top_builddir)/rowlock$(EXEEXT)' $(PYTHON) $(srcdir)/tests/http-cases/run tests/http-suites

# What programs of PyPI and npm make of the server. The OpenAPI document: clients that are made of it place and take orders, and
# schemathesis makes requests of it, at least CASES for each database; printed is how many there were, and how many were answered
# otherwise than it says. The pages: axe looks at all of them.
CASES = 2000
check-api:
	CASES='$(CASES)' $(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/api.test VERBOSE=yes
	@sed -n 's/^api: //p' tests/api.log | grep . || { grep SKIP tests/api.log; exit 1; }

# Both HTTP engines get what a fuzzer makes up (tests/fuzz/run); FUZZ_FOLDER: where the inputs are that it goes on with.
FUZZ_SECONDS = 60
FUZZ_FOLDER =
fuzz-http:
	EVENT_CFLAGS='$(EVENT_CFLAGS)' EVENT_LIBS='$(EVENT_LIBS)' PYTHON='$(PYTHON)' \
		sh $(srcdir)/tests/fuzz/run http $(FUZZ_SECONDS) $(FUZZ_FOLDER)

# Each of all targets for so many seconds.
FOR = 60
fuzz:
	@for target in $$(sh $(srcdir)/tests/fuzz/run --list); do \
		echo "== $$target"; \
		EVENT_CFLAGS='$(EVENT_CFLAGS)' EVENT_LIBS='$(EVENT_LIBS)' PYTHON='$(PYTHON)' \
			sh $(srcdir)/tests/fuzz/run $$target $(FOR) || exit 1; \
	done

# Lines and branches that unit and integration tests run together, or those of COVERAGE_TESTS. What fails is left to
# make check, and what takes long only because nothing is optimised here says so with ROWLOCK_TEST_SLOW.
COVERAGE_TESTS = $(unit_tests) $(server_tests)
if COVERAGE
coverage: all
	find . -name '*.gcda' -exec rm -f {} +
	-$(MAKE) $(AM_MAKEFLAGS) -k check TESTS='$(COVERAGE_TESTS)'
	$(top_srcdir)/tests/coverage $(abs_top_srcdir)
else
coverage:
	@echo 'make coverage: a build with --enable-coverage has it, as make coverage in the source tree makes it' >&2; exit 1
endif

# Images and deployments on a Docker engine; no part of make check, because it makes and removes images.
check-docker:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/docker.test

# Three PostgreSQL under Patroni, from Debian's packages, and what befalls them; printed is what each fault cost. It takes minutes.
check-ha:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/ha.test VERBOSE=yes
	@sed -n 's/^ha: //p' tests/ha.log | grep . || sed -n 's/.*# SKIP Skipped: /skipped: /p' tests/ha.log | sort -u
