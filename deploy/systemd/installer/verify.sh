# shellcheck shell=bash disable=SC2034,SC2154
# Whether the site serves, as seen through nginx on this host; and the doctor.

# Seconds until the first page of a new site: start, and a cache that is filled.
patience=120

# The certificate may be signed by itself; the address is this host in any case.
fetch() { curl --silent --show-error --fail --insecure --max-time 10 --resolve "$host:443:127.0.0.1" "https://$host$1"; }

verify_site() {
    local second
    is_live && [ -z "$dry_run" ] || return 0
    step "Verify"
    for ((second = 0; second < patience; second++)); do
        if fetch /readyz >"$scratch/ready" 2>"$scratch/error"; then
            fetch / >"$scratch/page" || fail "The site is ready, but has no first page."
            say "   https://$host/ serves"
            return
        fi
        sleep 1
    done
    fail "The site is not ready after $patience s: $(tail --lines=1 "$scratch/error"). See: systemctl status 'evergreen-*'"
}

# The doctor only reads. Warnings (1) stop nothing, errors (2) do without --force.
examine() {
    local status=0
    is_live && [ -z "$dry_run" ] || return 0
    step "$1"
    # A host that is busy with the new release needs longer than the default of 10 s.
    manage "$current" doctor --seconds 60 >"$scratch/doctor" 2>&1 || status=$?
    grep --extended-regexp --after-context=2 '^(warning|error)' "$scratch/doctor" || true
    [ "$status" -le 1 ] || [ -n "$force" ] \
        || fail "The doctor found errors. Nothing more is done until they are mended. To go on in spite of them: --force"
    say "   $(tail --lines=1 "$scratch/doctor")"
}
