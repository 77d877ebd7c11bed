loadtest_files = \
	loadtest/README.md \
	loadtest/bench/bench \
	loadtest/cost \
	loadtest/events \
	loadtest/held-snapshot \
	loadtest/loadtest.test \
	loadtest/locustfile.py \
	loadtest/peers/fastify/README.md \
	loadtest/peers/fastify/build \
	loadtest/peers/fastify/package-lock.json \
	loadtest/peers/fastify/package.json \
	loadtest/peers/fastify/serve \
	loadtest/peers/fastify/server.js \
	loadtest/peers/flask/README.md \
	loadtest/peers/flask/build \
	loadtest/peers/flask/orders.py \
	loadtest/peers/flask/serve \
	loadtest/peers/flask/uwsgi.ini \
	loadtest/peers/go/README.md \
	loadtest/peers/go/build \
	loadtest/peers/go/go.mod \
	loadtest/peers/go/go.sum \
	loadtest/peers/go/main.go \
	loadtest/peers/go/serve \
	loadtest/peers/graphile-worker/README.md \
	loadtest/peers/graphile-worker/build \
	loadtest/peers/graphile-worker/fill \
	loadtest/peers/graphile-worker/package-lock.json \
	loadtest/peers/graphile-worker/package.json \
	loadtest/peers/graphile-worker/queue.js \
	loadtest/peers/graphile-worker/work \
	loadtest/peers/river/README.md \
	loadtest/peers/river/build \
	loadtest/peers/river/fill \
	loadtest/peers/river/go.mod \
	loadtest/peers/river/go.sum \
	loadtest/peers/river/main.go \
	loadtest/peers/river/work \
	loadtest/rig/__init__.py \
	loadtest/rig/answer.py \
	loadtest/rig/contestants.py \
	loadtest/rig/desk.py \
	loadtest/rig/fair.py \
	loadtest/rig/figures.py \
	loadtest/rig/idle.py \
	loadtest/rig/ledger.py \
	loadtest/rig/measure.py \
	loadtest/rig/pgbench.py \
	loadtest/rig/plot.py \
	loadtest/rig/postgres.py \
	loadtest/rig/procfs.py \
	loadtest/rig/programs.py \
	loadtest/rig/rows.py \
	loadtest/rig/table.py \
	loadtest/rig/verdict.py \
	loadtest/run \
	loadtest/test_bench.py \
	loadtest/test_figures.py \
	loadtest/test_load.py \
	loadtest/test_verdict.py \
	loadtest/test_web.py

bench_sources = \
	loadtest/bench/bare.c \
	loadtest/bench/die.c \
	loadtest/bench/die.h \
	loadtest/bench/hist.c \
	loadtest/bench/hist.h \
	loadtest/bench/id_scan.c \
	loadtest/bench/id_scan.h \
	loadtest/bench/load.c \
	loadtest/bench/options.c \
	loadtest/bench/options.h \
	loadtest/bench/requests.c \
	loadtest/bench/requests.h \
	loadtest/bench/response.c \
	loadtest/bench/response.h

EXTRA_DIST += $(loadtest_files)

# The generator and the bare loop that it is measured against; built when asked for.
bench_programs = loadtest/bench/load loadtest/bench/bare
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)

loadtest_bench_load_SOURCES = \
	loadtest/bench/die.c \
	loadtest/bench/die.h \
	loadtest/bench/hist.c \
	loadtest/bench/hist.h \
	loadtest/bench/id_scan.c \
	loadtest/bench/id_scan.h \
	loadtest/bench/load.c \
	loadtest/bench/options.c \
	loadtest/bench/options.h \
	loadtest/bench/requests.c \
	loadtest/bench/requests.h \
	loadtest/bench/response.c \
	loadtest/bench/response.h \
	src/base/standard.c \
	src/base/standard.h

loadtest_bench_load_LDADD =

# bare takes the server's allocator, although it never calls it itself.
loadtest_bench_bare_SOURCES = loadtest/bench/bare.c src/base/standard.c src/base/standard.h
loadtest_bench_bare_LDADD = $(EVENT_LIBS) $(JEMALLOC_LIBS)

# make test-load LOAD_FLAGS="--fault", make bench BENCH_FLAGS="--peers --plot bench.svg"
.PHONY: test-load bench
test-load: rowlock$(EXEEXT)
	ROWLOCK=$(abs_top_builddir)/rowlock$(EXEEXT) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) $(abs_top_srcdir)/loadtest/run $(LOAD_FLAGS)

bench: rowlock$(EXEEXT) $(bench_programs)
	ROWLOCK=$(abs_top_builddir)/rowlock$(EXEEXT) BENCH_PROGRAMS=$(abs_top_builddir)/loadtest/bench PYTHONDONTWRITEBYTECODE=1 $(PYTHON) $(abs_top_srcdir)/loadtest/bench/bench $(BENCH_FLAGS)
