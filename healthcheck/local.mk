# The probe knows the server's public face only, so it shares no code with it.
healthcheck_sources = healthcheck/healthcheck.c

bin_PROGRAMS += rowlock-healthcheck
rowlock_healthcheck_SOURCES = $(healthcheck_sources)
rowlock_healthcheck_CPPFLAGS = $(CURL_CFLAGS) $(JANSSON_CFLAGS)
rowlock_healthcheck_LDADD = $(CURL_LIBS) $(JANSSON_LIBS)
