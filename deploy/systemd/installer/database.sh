# shellcheck shell=bash disable=SC2034,SC2154
# PostgreSQL: settings, role, database, tables, the first administrator, backup.

touched_postgresql=0

# The version of the cluster `main`. Empty before the package is installed.
cluster_version() { pg_lsclusters --no-header 2>/dev/null | awk '$2 == "main" {found = $1} END {print found}' || true; }

write_postgresql() {
    local version folder before=$changes
    step "PostgreSQL"
    version=$(cluster_version)
    if [ -z "$version" ]; then
        [ -n "$dry_run" ] || fail "PostgreSQL has no cluster main. Make one: pg_createcluster VERSION main"
        changes=$((changes + 1))
        say "   would write its settings and rules of access"
        return
    fi
    folder=/etc/postgresql/$version/main
    put_config "$1/deploy/postgresql/postgresql.conf" "$folder/conf.d/evergreen.conf" 644
    keep_rules_of_debian "$folder/pg_hba.conf"
    # In a dry run Debian's file is still there, and looks like one of the operator's.
    if [ -z "$dry_run" ] || ! is_of_debian "$folder/pg_hba.conf"; then
        put_config "$1/deploy/postgresql/pg_hba.conf" "$folder/pg_hba.conf" 640 postgres:postgres
    fi
    touched_postgresql=$((changes - before))
}

is_of_debian() { [ ! -e "$1.debian" ] && ! grep --quiet --fixed-strings "  $1" "$written" 2>/dev/null; }

# The first time, Debian's file is moved aside.
keep_rules_of_debian() {
    if is_of_debian "$1"; then
        change "keep the rules of access of Debian as $1.debian" mv "$1" "$1.debian"
    fi
}

start_databases() {
    local unit
    [ -z "$dry_run" ] || return 0
    is_live || { start_cluster; return; }
    # One that starts now reads its settings now.
    systemctl --quiet is-active "${redis_units[0]}" || touched_redis=0
    for unit in "${redis_units[@]}"; do
        start_unit "$unit"
    done
    if [ "$touched_postgresql" != 0 ] && systemctl --quiet is-active postgresql.service; then
        change "restart PostgreSQL" systemctl restart postgresql.service
    else
        start_unit postgresql.service
    fi
}

# Without systemd, only for as long as this script runs.
start_cluster() {
    local version
    version=$(cluster_version)
    pg_ctlcluster "$version" main status >/dev/null 2>&1 && return
    pg_ctlcluster "$version" main start
    started_cluster=$version
}

as_postgres() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"); }

create_database() {
    local found
    [ -z "$dry_run" ] || return 0
    found=$(as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --command \
        "SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'evergreen%') + (SELECT count(*) FROM pg_database WHERE datname = 'evergreen')")
    [ "$found" -ge 3 ] || change "create the database and its roles" as_postgres psql --no-psqlrc --quiet \
        --output=/dev/null --set=ON_ERROR_STOP=1 --file="$1/deploy/postgresql/roles.sql"
}

# A command of the release in this folder, with the settings and secrets of the site.
manage() {
    local folder=$1
    shift
    RELEASE_FOLDER=$folder "$folder/deploy/systemd/evergreen-manage" "$@"
}

# It only adds: the release that runs does not notice.
expand() {
    step "Tables"
    if [ -n "$dry_run" ]; then
        say "   (not known before the database runs)"
    elif ! manage "$1" migrate --check >/dev/null 2>&1; then
        change "expand the tables" manage "$1" migrate --verbosity 0
    fi
}

create_administrator() {
    local password
    [ -z "$dry_run" ] || return 0
    password=$(manage "$current" first_admin)
    [ -z "$password" ] || change "create the first administrator" say "   $password"
}

back_up() {
    step "Backup"
    change "back up to /var/backups/evergreen" manage "$current" backup /var/backups/evergreen --keep 14
}
