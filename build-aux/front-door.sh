# What ./run and ./check have in common. Sourced with $top set to the source tree; POSIX sh.

say() {
    printf '%s\n' "$me: $*" >&2
}

die() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Packages ------------------------------------------------------------------------------------------------------

have_postgres_server() {
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] && return 0
    done
    return 1
}

# missing_packages PHASE…: those that build-aux/packages asks for and dpkg does not have. One call of dpkg-query,
# because each start pays for it.
missing_packages() {
    wanted=$(sed 's/#.*//' "$top/build-aux/packages" | awk -v phases=" $* " 'index(phases, " " $1 " ")')
    # shellcheck disable=SC2046  # words are what is wanted
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' \
        $(printf '%s\n' "$wanted" | awk '{ for (i = 2; i <= NF; i++) print $i }') 2>/dev/null |
        awk '$1 == "installed" { printf "%s ", $2 }')
    printf '%s\n' "$wanted" | awk -v installed="$installed" '
        BEGIN { n = split(installed, names, " "); for (i = 1; i <= n; i++) have[names[i]] = 1 }
        { for (i = 2; i <= NF; i++) if ($i in have) next; print $2 }'
}

install_packages() { # PHASE…
    command -v dpkg-query >/dev/null ||
        die "this is not Debian: install what build-aux/packages lists, then ./configure && make"
    missing=$(missing_packages "$@")
    if have_postgres_server; then
        missing=$(printf '%s\n' "$missing" | grep -v -x postgresql || :)
    fi
    [ -n "$missing" ] || return 0
    missing=$(echo $missing) # one line
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "these packages are missing; as root: apt-get install --no-install-recommends $missing"
    fi
    say "installing $missing"
    apt_get update
    hold_services
    case " $missing " in
    *" postgresql "*)
        # The tests start servers of their own. Debian's package would create and start one for the whole machine.
        without_main_cluster apt_get install $missing
        ;;
    *)
        apt_get install $missing
        ;;
    esac
    release_services "$missing"
}

# The tests start servers of their own; those of the packages are not started now, nor at the next boot.
hold_services() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then # somebody has said already what may start
        policy=
        return 0
    fi
    trap "as_root rm -f $policy" 0
    trap 'exit 1' 1 2 15
    printf '#!/bin/sh\nexit 101 # rowlock: while it installs packages\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
}

release_services() { # PACKAGES
    [ -z "$policy" ] || as_root rm -f "$policy"
    trap - 0 1 2 15
    for name in redis-server memcached nginx pgbouncer; do
        case " $1 " in
        *" $name "*) as_root update-rc.d "$name" disable >/dev/null 2>&1 || : ;;
        esac
    done
    case " $1 " in
    *" docker.io "*) as_root systemctl disable docker.service docker.socket containerd.service >/dev/null 2>&1 || : ;;
    esac
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2 ||
        die "apt-get $* failed"
}

# Run a command while PostgreSQL's packages are told to create no cluster.
without_main_cluster() {
    folder=/etc/postgresql-common/createcluster.d
    trap "as_root rm -f $folder/rowlock.conf ${policy-}" 0
    trap 'exit 1' 1 2 15
    as_root mkdir -p "$folder"
    echo 'create_main_cluster = false' | as_root tee "$folder/rowlock.conf" >/dev/null
    "$@"
    as_root rm -f "$folder/rowlock.conf"
    trap - 0 1 2 15
}

# Building --------------------------------------------------------------------------------------------------------

# configure_tree FOLDER OPTION…: make a build tree there unless it is one already. What changes later, configure.ac
# and the makefile fragments included, make itself brings up to date.
configure_tree() {
    for made in configure Makefile.in aclocal.m4 config.h.in build-aux/tap-driver.sh; do
        if [ ! -f "$top/$made" ]; then
            (cd "$top" && autoreconf -i) >&2 || die "autoreconf failed"
            break
        fi
    done
    if [ ! -f "$1/config.status" ] || [ ! -f "$1/Makefile" ]; then
        [ ! -f "$top/config.status" ] ||
            die "this source tree was configured in place, which excludes builds elsewhere; run \"make distclean\" first"
        mkdir -p "$1"
        (cd "$1" && shift && "$top/configure" -q "$@") >&2 || die "configure failed, see $1/config.log"
    fi
}

cores() {
    nproc 2>/dev/null || echo 2
}
