# shellcheck shell=bash disable=SC2034,SC2154
# The host: what it must be, packages, users, folders.

packages=(ca-certificates curl nginx openssl postgresql python3 python3-venv redis-server)

check_system() {
    local version
    [ -r /etc/debian_version ] || fail "This is no Debian. docs/install.md has the steps for other systems."
    version=$(cut --delimiter=. --fields=1 /etc/debian_version)
    case $version in
        [0-9]*) [ "$version" -ge 12 ] || fail "Debian $version is too old: Python 3.11 comes with Debian 12." ;;
    esac
    is_live || say "systemd does not run here: units are enabled, and nothing is started."
}

# The name of the site: as given, else as installed.
require_host() {
    [ -n "$host" ] || host=$(sed --quiet 's#^EVERGREEN_BASE_URL=https://##p' /etc/evergreen/env 2>/dev/null || true)
    [ -n "$host" ] || fail "Which name has the site? Add --host example.org" 64
    [[ $host =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || fail "$host is not the name of a host." 64
}

is_installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

add_packages() {
    local missing=() name
    step "Packages of Debian"
    for name in "${packages[@]}"; do
        is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] || change "install ${missing[*]}" install_packages "${missing[@]}"
}

install_packages() {
    apt-get update --quiet --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends "$@" \
        >"$scratch/apt.log" 2>&1 || { cat "$scratch/apt.log" >&2; fail "apt-get could not install $*."; }
}

add_users() {
    step "Users"
    add_user evergreen /var/lib/evergreen
    add_user evergreen-redis /nonexistent
}

# NAME HOME: no login, no password.
add_user() {
    getent passwd "$1" >/dev/null || change "add the user $1" \
        useradd --system --user-group --no-create-home --home-dir "$2" --shell /usr/sbin/nologin "$1"
}

add_folders() {
    step "Folders"
    put_folder /srv/evergreen root:root 755
    put_folder /srv/evergreen/releases root:root 755
    put_folder /srv/evergreen/shared root:root 755
    put_folder /srv/evergreen/shared/static root:root 755
    put_folder /etc/evergreen root:root 755
    put_folder /etc/evergreen/secrets root:root 700
    put_folder /etc/evergreen/tls root:root 700
    put_folder /var/backups/evergreen evergreen:evergreen 700
    put_folder /var/lib/evergreen evergreen:evergreen 750
    put_folder /var/www/acme root:root 755
    put_folder /var/cache/nginx root:root 755
}
