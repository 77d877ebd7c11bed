#!/bin/sh
# Run by the image at its start: what of the configuration depends on what there is.
set -eu

# A reload closes the idle connections of clients; one that has just been answered may be sending its next request. From
# nginx 1.27.4 on they are given a moment to do so.
directive='keepalive_min_timeout 5s;'
printf 'events {} http { %s }\n' "$directive" >/tmp/try.conf
if nginx -t -q -g 'pid /tmp/try.pid;' -c /tmp/try.conf 2>/dev/null; then
    echo "$directive" >/etc/nginx/conf.d/keepalive.conf
fi

# With a certificate and its key the site is served over HTTPS as well.
if [ -e /etc/nginx/tls/tls.crt ] || [ -e /etc/nginx/tls/tls.key ]; then
    cat >/etc/nginx/conf.d/tls.conf <<'TEXT'
server {
    listen 443 ssl default_server backlog=4096;
    ssl_certificate /etc/nginx/tls/tls.crt;
    ssl_certificate_key /etc/nginx/tls/tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:10m;
    ssl_session_timeout 1d;
    include /etc/nginx/rowlock/site.conf;
}
TEXT
fi
