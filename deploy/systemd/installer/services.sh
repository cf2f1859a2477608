# shellcheck shell=bash disable=SC2034,SC2154
# Settings, both Redis, nginx, its certificate, units; and their start.

# In the order in which they are started.
redis_units=(evergreen-redis-cache.service evergreen-redis-log.service)
site_units=(evergreen-web.socket evergreen-web.service evergreen-worker.service evergreen-beat.service
    evergreen-backup.timer evergreen-cleanup.timer)
touched_nginx=0 touched_redis=0
# Seconds.
warm_within=120

write_settings() {
    step "Settings and secrets"
    put_config "$(with_host "$1/deploy/systemd/env")" /etc/evergreen/env 644
    [ -s /etc/evergreen/secrets/secret_key ] || change "make the secret key" make_secret_key
    [ -s /etc/evergreen/secrets/database_url ] \
        || put_file "$1/deploy/systemd/database_url.example" /etc/evergreen/secrets/database_url 600
}

make_secret_key() { (umask 077 && openssl rand -base64 48 >/etc/evergreen/secrets/secret_key); }

write_redis() {
    local before=$changes
    step "Two Redis"
    put_config "$1/deploy/redis/redis-cache.conf" /etc/evergreen/redis-cache.conf 644
    put_config "$1/deploy/redis/redis-log.conf" /etc/evergreen/redis-log.conf 644
    touched_redis=$((changes - before))
    printf '# Redis forks to rewrite its file.\nvm.overcommit_memory = 1\n' >"$scratch/sysctl"
    put_file "$scratch/sysctl" /etc/sysctl.d/90-evergreen.conf 644
    if is_enabled redis-server.service; then
        change "disable Debian's own Redis" disable_unit redis-server.service
    fi
}

write_certificate() {
    local tls=/etc/evergreen/tls
    step "Certificate"
    if [ -n "$certificate" ]; then
        put_file "$key" "$tls/privkey.pem" 600
        put_file "$certificate" "$tls/fullchain.pem" 644
    elif [ ! -e "$tls/fullchain.pem" ]; then
        change "make a certificate for $host, signed by itself" make_certificate "$tls"
    fi
}

make_certificate() {
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=$host" \
        -addext "subjectAltName=DNS:$host" -keyout "$1/privkey.pem" -out "$1/fullchain.pem" 2>/dev/null)
}

write_nginx() {
    local before=$changes file
    step "nginx"
    for file in "$1"/deploy/nginx/evergreen.d/*.conf; do
        put_config "$file" "/etc/nginx/evergreen.d/$(basename "$file")" 644
    done
    put_config "$(with_host "$1/deploy/nginx/evergreen.conf")" /etc/nginx/conf.d/evergreen.conf 644
    [ ! -L /etc/nginx/sites-enabled/default ] \
        || change "remove Debian's welcome page" rm /etc/nginx/sites-enabled/default
    [ "$changes" = "$before" ] || [ -n "$dry_run" ] || check_nginx
    touched_nginx=$((changes - before))
}

check_nginx() {
    nginx -t -q 2>"$scratch/nginx" || fail "nginx refuses its configuration, and runs on with the old one: $(cat "$scratch/nginx")"
}

write_units() {
    local before=$changes file of_redis
    step "Units"
    for file in "$1"/deploy/systemd/*.{service,socket,timer,target}; do
        of_redis=$changes
        put_file "$file" "/etc/systemd/system/$(basename "$file")" 644
        [[ $file != *redis* ]] || touched_redis=$((touched_redis + changes - of_redis))
    done
    put_file "$1/deploy/systemd/evergreen-manage" /usr/local/sbin/evergreen-manage 755
    if [ "$changes" != "$before" ] && is_live && [ -z "$dry_run" ]; then
        systemctl daemon-reload
    fi
    for file in evergreen.target "${redis_units[@]}" "${site_units[@]}" nginx.service postgresql.service; do
        is_enabled "$file" || change "enable $file" systemctl --quiet enable "$file"
    done
}

is_enabled() { systemctl --quiet is-enabled "$1" 2>/dev/null; }

disable_unit() {
    systemctl --quiet disable "$1" 2>/dev/null
    ! is_live || systemctl stop "$1"
}

start_unit() { systemctl --quiet is-active "$1" || change "start $1" systemctl start "$1"; }

start_site() {
    local unit
    is_live || return 0
    step "Start"
    for unit in "${site_units[@]}"; do
        start_unit "$unit"
    done
    start_unit evergreen.target
    start_nginx
    hint_at_redis
}

start_nginx() {
    if ! systemctl --quiet is-active nginx.service; then
        start_unit nginx.service
    elif [ "$touched_nginx" != 0 ]; then
        change "reload nginx" systemctl reload nginx.service
    fi
}

# Before the processes of a release serve, so that none of them waits for a warm cache. The worker of the release before
# goes on with its own pages meanwhile. Without it, a new process waits for a cache that nobody fills.
warm() {
    is_live && [ -z "$dry_run" ] || return 0
    step "Warm"
    change "warm the pages of $(basename "$1"), $warm_within s at most" warm_release "$1" \
        || say "   not all is warm: $(tail --lines=1 "$scratch/warm")"
}

warm_release() { manage "$1" cutover --prepare --within "$warm_within" >"$scratch/warm" 2>&1; }

# One web process after another; readers notice nothing. Worker and beat do not serve readers: they come last, so that
# the release that serves always has its own.
restart_site() {
    is_live || return 0
    step "Restart"
    change "reload web" reload_web
    change "restart worker and beat" systemctl restart evergreen-worker.service evergreen-beat.service
    start_nginx
    [ "$touched_postgresql" = 0 ] || say "   settings of PostgreSQL changed: restart it at a quiet time"
    hint_at_redis
}

# A restart of the cache loads its entries again; one of the log makes all of them invalid once.
hint_at_redis() {
    [ "$touched_redis" = 0 ] || say "   settings of Redis changed: restart it at a quiet time: systemctl restart ${redis_units[*]}"
}

reload_web() {
    local parent before second
    parent=$(systemctl show --property=MainPID --value evergreen-web.service)
    before=$(children_of "$parent")
    systemctl reload evergreen-web.service
    # Two processes, each 50 s for a warm cache and a few to start.
    for ((second = 0; second < 200; second++)); do
        any_of "$before" "$(children_of "$parent")" || return 0
        sleep 1
    done
    fail "Web processes of the release before still serve: see journalctl -u evergreen-web. To go back: install.sh rollback"
}

children_of() { cat "/proc/$1/task/$1/children"; }

# LIST LIST: one of the first is among the second.
any_of() {
    local one
    for one in $1; do
        [[ " $2 " != *" $one "* ]] || return 0
    done
    return 1
}
