# The probe knows the server's public face only, so it shares no code with it but what any program
# begins with.
healthcheck_sources = healthcheck/healthcheck.c

bin_PROGRAMS += rowlock-healthcheck
rowlock_healthcheck_SOURCES = $(healthcheck_sources) src/base/standard.c src/base/standard.h
rowlock_healthcheck_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)
rowlock_healthcheck_LDADD = $(CURL_LIBS) $(JANSSON_LIBS)
