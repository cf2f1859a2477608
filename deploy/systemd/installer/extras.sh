# shellcheck shell=bash disable=SC2034,SC2154
# Packages that a release may have besides those of app.lock: chosen by --extras, and remembered for upgrades.

# The names of their locks.
all_extras='errors traces'
extras_file=/etc/evergreen/extras

check_extras() {
    local name
    for name in $extras; do
        [[ " $all_extras " == *" $name "* ]] || fail "There is no extra $name. There are: ${all_extras// /, }." 64
    done
}

# As given, else as remembered.
read_extras() { [ "$extras" != remembered ] || extras=$(cat "$extras_file" 2>/dev/null || true); }

remember_extras() {
    say "$extras" >"$scratch/extras"
    [ "$extras" = "$(cat "$extras_file" 2>/dev/null)" ] || put_file "$scratch/extras" "$extras_file" 644
}

# Those that the folder lacks. None is removed: processes may use it.
add_extras() {
    local name missing=()
    for name in $extras; do
        grep --quiet --line-regexp "$name" "$1/.locks" 2>/dev/null || missing+=("$name")
    done
    [ ${#missing[@]} -ne 0 ] || return 0
    change "add the packages of ${missing[*]}" install_locks "$1" "${missing[@]}"
    say "   processes use them after: systemctl reload evergreen-web; systemctl restart evergreen-worker evergreen-beat"
}

# FOLDER NAME…: the packages of these locks, by hash. The folder's list names those that it has.
install_locks() {
    local folder=$1 name options=()
    shift
    for name in "$@"; do
        options+=(-r "$folder/requirements/$name.lock")
    done
    "$folder/.venv/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: \
        "${options[@]}"
    printf '%s\n' "$@" >>"$folder/.locks"
}
