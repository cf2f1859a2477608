# shellcheck shell=bash disable=SC2034,SC2154
# What every step uses: messages, changes that are counted, files that are only written if they differ.

changes=0
# SHA-256 of each configuration file as this script wrote it: a file that differs was changed by the operator.
written=/etc/evergreen/written.sha256
scratch=$(mktemp -d)
started_cluster=''

say() { printf '%s\n' "$*"; }
step() { say "== $*"; }

fail() { # MESSAGE [STATUS]
    printf 'install.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

# WHAT COMMAND…: do it, and count it. With --dry-run it is only said.
change() {
    changes=$((changes + 1))
    if [ -n "$dry_run" ]; then
        say "   would $1"
        return
    fi
    say "   $1"
    shift
    "$@"
}

is_live() { [ -d /run/systemd/system ]; }

summarize() {
    if [ "$changes" = 0 ]; then
        say "Nothing changed."
    elif [ -n "$dry_run" ]; then
        say "$changes changes would be made."
    else
        say "$changes changes were made."
    fi
}

clean_up() {
    rm -rf "$scratch"
    [ -z "$started_cluster" ] || pg_ctlcluster "$started_cluster" main stop
}

# SOURCE TARGET MODE [OWNER[:GROUP]]
put_file() {
    local source=$1 target=$2 mode=$3 owner=${4:-root:root}
    if [ -f "$target" ] && cmp --silent "$source" "$target" \
        && [ "$(stat --format='%a %U:%G' "$target")" = "$mode $owner" ]; then
        return
    fi
    change "write $target" install -D --mode="$mode" --owner="${owner%:*}" --group="${owner#*:}" "$source" "$target"
}

# The same for a file that the operator may change: then it stays, as with configuration files of packages.
put_config() {
    local source=$1 target=$2
    if [ -f "$target" ] && ! is_as_written "$target"; then
        cmp --silent "$source" "$target" || say "   kept $target, which you changed; the release has another in deploy/"
        return
    fi
    put_file "$@"
    note_written "$source" "$target"
}

is_as_written() {
    local sum
    sum=$(sha256sum "$1" | cut --delimiter=' ' --fields=1)
    grep --quiet --line-regexp --fixed-strings "$sum  $1" "$written" 2>/dev/null
}

note_written() {
    local sum
    sum=$(sha256sum "$1" | cut --delimiter=' ' --fields=1)
    [ -z "$dry_run" ] || return 0
    ! grep --quiet --line-regexp --fixed-strings "$sum  $2" "$written" 2>/dev/null || return 0
    { grep --invert-match "  $2\$" "$written" 2>/dev/null || true; printf '%s  %s\n' "$sum" "$2"; } >"$written.new"
    mv "$written.new" "$written"
}

# FOLDER OWNER[:GROUP] MODE
put_folder() {
    [ "$(stat --format='%U:%G %a' "$1" 2>/dev/null)" = "$2 $3" ] \
        || change "make $1" install --directory --owner="${2%:*}" --group="${2#*:}" --mode="$3" "$1"
}

# A file of the release with the name of the site. Prints the path of the copy.
with_host() {
    local copy
    copy="$scratch/$(basename "$1")"
    sed "s/example\.org/$host/g" "$1" >"$copy"
    printf '%s\n' "$copy"
}

# The same script, inside: the files of this release are copied there for so long.
enter_root() {
    local inside status=0
    [ -e "$root/proc/self" ] || fail "/proc is not mounted in $root: mount -t proc proc $root/proc"
    inside=$(mktemp --directory --tmpdir="$root/var/tmp" evergreen.XXXXXX)
    copy_source "$inside"
    [ -z "$certificate" ] || install --mode=0600 "$certificate" "$inside/certificate.pem"
    [ -z "$key" ] || install --mode=0600 "$key" "$inside/key.pem"
    set -- "$command" ${dry_run:+--dry-run} ${force:+--force} ${host:+--host "$host"} --keep "$keep" \
        ${certificate:+--certificate "${inside#"$root"}/certificate.pem" --key "${inside#"$root"}/key.pem"}
    [ "$extras" = remembered ] || set -- "$@" --extras "$extras"
    chroot "$root" "${inside#"$root"}/deploy/systemd/install.sh" "$@" || status=$?
    rm -rf "$inside"
    return "$status"
}
