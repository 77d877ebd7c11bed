#!/bin/sh
# As the image nginx does it: templates become configuration, with the variables of the environment and no others; then
# the executable scripts of /docker-entrypoint.d in their order; then nginx.
set -eu
if [ "$1" = nginx ]; then
    names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1} /p' | tr -d '\n')
    for template in /etc/nginx/templates/*.template; do
        [ -e "$template" ] || continue
        envsubst "$names" <"$template" >"/etc/nginx/conf.d/$(basename "$template" .template)"
    done
    for script in /docker-entrypoint.d/*.sh; do
        [ ! -x "$script" ] || "$script"
    done
fi
exec "$@"
