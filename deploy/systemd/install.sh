#!/bin/bash
# install.sh COMMAND [OPTION…]: put this release of Evergreen on a Debian host with systemd. Run it as root from an unpacked
# release or a checkout. A second run changes nothing. docs/install.md and docs/upgrading.md say what it does.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

here=$(dirname "$(readlink -f "$0")")
# The release that this script is part of.
source_folder=$(readlink -f "$here/../..")
# shellcheck source=installer/steps.sh
. "$here/installer/steps.sh"
# shellcheck source=installer/system.sh
. "$here/installer/system.sh"
# shellcheck source=installer/release.sh
. "$here/installer/release.sh"
# shellcheck source=installer/extras.sh
. "$here/installer/extras.sh"
# shellcheck source=installer/services.sh
. "$here/installer/services.sh"
# shellcheck source=installer/database.sh
. "$here/installer/database.sh"
# shellcheck source=installer/verify.sh
. "$here/installer/verify.sh"

usage() {
    cat <<'END'
install.sh install --host NAME [--certificate FILE --key FILE]   the site and all it needs; again: nothing, or what is missing
install.sh upgrade                                               from the folder of the new release
install.sh rollback                                              back to the release that ran before

  --host NAME         the name of the site, as example.org. Needed once; then it is read from /etc/evergreen/env.
  --certificate FILE  the chain in PEM, and --key FILE its key. Without them a certificate signed by itself is made.
  --extras "NAME…"    optional packages: errors, traces. Remembered for upgrades; "" for none from the next release on.
  --keep N            old releases that stay beside the one that serves (3), and the one that a rollback needs
  --dry-run           say what would change, and change nothing
  --force             upgrade although the doctor finds errors
  --root DIR          work in the Debian system below DIR, where no systemd runs; /proc must be mounted there
END
}

command='' host='' certificate='' key='' root='' dry_run='' force=''
# `remembered`: those of /etc/evergreen/extras.
extras=remembered keep=3

read_options() {
    command=${1:-}
    [ $# -eq 0 ] || shift
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) dry_run=yes ;;
            --force) force=yes ;;
            --host | --certificate | --key | --root | --extras | --keep)
                [ $# -ge 2 ] || fail "$1 needs a value." 64
                printf -v "${1#--}" %s "$2"
                shift
                ;;
            *) usage >&2 && fail "There is no option $1." 64 ;;
        esac
        shift
    done
    [ "${certificate:+given}" = "${key:+given}" ] || fail "--certificate and --key belong together." 64
    [ "$extras" = remembered ] || check_extras
    [[ $keep =~ ^[0-9]{1,3}$ ]] || fail "--keep $keep is no number from 0 to 999." 64
}

# Everything that install does and upgrade repeats, from the folder of a release. Files that the operator changed stay.
configure() {
    local release=$1
    write_settings "$release"
    write_redis "$release"
    write_postgresql "$release"
    write_certificate
    write_nginx "$release"
    write_units "$release"
}

install_site() {
    local release
    if [ -n "$(running_release)" ] && [ "$(find_release)" != "$(running_release)" ]; then
        fail "Another release is installed ($(running_release)). Use: install.sh upgrade"
    fi
    require_host
    add_packages
    add_users
    add_folders
    remember_extras
    build_release
    release=$release_folder
    [ -n "$(running_release)" ] || link_release "$release"
    configure "$release"
    start_databases
    create_database "$release"
    expand "$release"
    create_administrator
    start_site
    verify_site
    record_release "$(running_release)"
}

upgrade_site() {
    local before release
    before=$(running_release)
    [ -n "$before" ] || fail "No release is installed. Use: install.sh install --host NAME"
    if [ "$(find_release)" = "$before" ] && [ "$(recorded_release)" = "$before" ]; then
        remember_extras
        add_extras "$releases/$before"
        say "This release runs already: $before."
        return
    fi
    require_host
    examine "Check the running release"
    add_packages
    remember_extras
    build_release
    release=$release_folder
    start_databases
    back_up
    expand "$release"
    warm "$release"
    switch_to "$release"
}

roll_back() {
    local target
    target=$(previous_release)
    [ -n "$target" ] || fail "No release before $(running_release) is recorded and still there."
    require_host
    add_extras "$releases/$target"
    start_databases
    warm "$releases/$target"
    switch_to "$releases/$target"
}

# The link, the files of the release, its processes. The release is recorded last, when it is known to serve.
switch_to() {
    link_release "$1"
    configure "$1"
    restart_site
    verify_site
    examine "Check the release that runs now"
    record_release "$(basename "$1")"
    prune_releases
}

main() {
    trap clean_up EXIT
    read_options "$@"
    case $command in
        install | upgrade | rollback) ;;
        help | --help) usage && exit ;;
        *) usage >&2 && exit 64 ;;
    esac
    [ "$(id -u)" = 0 ] || fail "Only root can do this."
    if [ -n "$root" ]; then
        enter_root
        exit
    fi
    check_system
    read_extras
    check_extras
    case $command in
        install) install_site ;;
        upgrade) upgrade_site ;;
        rollback) roll_back ;;
    esac
    summarize
}

main "$@"
