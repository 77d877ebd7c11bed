# Units for systemd: --with-systemdsystemunitdir=DIR says where, no: nowhere.

systemd_units = systemd/rowlock.service systemd/rowlock.socket

if SYSTEMD_UNITS
systemdsystemunit_DATA = $(systemd_units)
endif

# bindir and docdir are known to make only, not to configure.
systemd/rowlock.service: systemd/rowlock.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && \
	$(SED) -e 's|@bindir[@]|$(bindir)|g' -e 's|@docdir[@]|$(docdir)|g' $(srcdir)/systemd/rowlock.service.in >$@.tmp && \
	mv $@.tmp $@

EXTRA_DIST += systemd/rowlock.service.in systemd/rowlock.socket
CLEANFILES += systemd/rowlock.service systemd/rowlock.service.tmp
