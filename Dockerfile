# Rowlock in an image. From the top of the source tree:
#
#   docker build -t rowlock .                                               what serves: runtime
#   docker build -t rowlock-test_builder --target test_builder .
#   docker run --rm rowlock-test_builder                                    all unit and integration tests
#
# `make image BUILD_TARGET=…` does the same. No syntax of BuildKit's, so that the classic builder can do it too; that
# one also makes all the stages above the one it is asked for, so the costly one, test_builder, comes late.

ARG BASE=debian:bookworm-slim

# The compiler and the libraries: made anew only when the list of packages changes.
FROM ${BASE} AS toolchain
COPY build-aux/packages /tmp/packages
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        $(awk '$1 == "run" { print $2 }' /tmp/packages) \
    && rm -rf /var/lib/apt/lists/*

FROM toolchain AS builder
COPY . /src
RUN cd /src && autoreconf -i \
    && mkdir /build && cd /build && /src/configure -q \
    && make -j "$(nproc)" rowlock rowlock-healthcheck \
    && install -D -s -t /image/usr/bin rowlock rowlock-healthcheck
# The file system of the runtime image. The server proves that nothing is missing, without the rest of this stage; libcurl,
# which it loads when it first asks somebody, by asking nobody.
RUN /src/docker/gather-libraries /image /usr/bin/rowlock /usr/bin/rowlock-healthcheck \
        "$(sed -n 's/^#define CURL_LIBRARY "\(.*\)"$/\1/p' /build/config.h)" \
    && install -D -m 644 -t /image/etc/ssl/certs /etc/ssl/certs/ca-certificates.crt \
    && install -D -m 644 -t /image/etc /src/docker/etc/* \
    && chroot /image /usr/bin/rowlock --version && chroot /image /usr/bin/rowlock-healthcheck --version \
    && GITHUB_API_URL=http://127.0.0.1:1 no_proxy='*' chroot /image /usr/bin/rowlock seed users --database sqlite:/proof.db 2>&1 \
        | grep 'cannot be asked' && rm -f /image/proof.db* \
    && mkdir /data
CMD ["/build/rowlock", "serve"]

# Only what serves: two programs and the libraries that they load. No shell, no package manager.
FROM scratch AS runtime
COPY --from=builder /image/ /
COPY --from=builder --chown=10001:10001 /data /data
USER 10001:10001
# SQLite's file goes here when no database is named; the rest of the file system may be read-only.
WORKDIR /data
VOLUME /data
# 8080 is the one that everything here uses; 5000 is where some expect such a service (docs/coming-from.md)
ENV ROWLOCK_LISTEN="0.0.0.0:8080 0.0.0.0:5000"
EXPOSE 8080 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/bin/rowlock-healthcheck"]
ENTRYPOINT ["/usr/bin/rowlock"]
CMD ["serve"]

# What the tests need, and a user: PostgreSQL's server refuses root.
FROM toolchain AS test_toolchain
RUN mkdir -p /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/rowlock.conf \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tini \
        $(awk '$1 == "check" { print $2 }' /tmp/packages) \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 rowlock

# Its container runs the tests and ends with their exit code; a part of them: docker run --rm rowlock-test_builder make test-unit
FROM test_toolchain AS test_builder
COPY --from=builder --chown=10001:10001 /src /src
USER 10001:10001
RUN mkdir /tmp/build && cd /tmp/build && /src/configure -q && make -s -j "$(nproc)" all && make -s check TESTS=
WORKDIR /tmp/build
ENV VERBOSE=yes
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["make", "-k", "test-unit", "test-integration"]

# What comes last is what a build without --target makes.
FROM runtime
