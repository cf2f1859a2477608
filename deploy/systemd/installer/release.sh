# shellcheck shell=bash disable=SC2034,SC2154
# Dated folders of releases, the link to the one that serves, and the record of those that served.

releases=/srv/evergreen/releases
current=/srv/evergreen/current
shared_static=/srv/evergreen/shared/static
# A line for each release that was seen to serve: its name and the time. The last line is the one that serves.
record=/srv/evergreen/served
release_folder=''
# The names of folders that this script makes.
dated='????-??-??-??????'
# What a release consists of. No tests, and no secrets that stand beside the code.
parts=(manage.py project content workers requirements deploy docs README.md CHANGELOG.md .env.example)

list_source() {
    cd "$source_folder" || exit
    find "${parts[@]}" -type f ! -path '*/__pycache__/*' ! -name '*.pyc' ! -path 'deploy/compose/secrets/*' \
        ! -path 'deploy/compose/tls/*' -print0 | sort --zero-terminated
}

# FOLDER
copy_source() {
    (list_source | tar --create --directory="$source_folder" --owner=0 --group=0 --mode=u+rw,go+r,go-w \
        --null --files-from=-) | tar --extract --directory="$1" --no-same-owner
}

# One digest of the names and contents of all its files.
source_digest() {
    (cd "$source_folder" && list_source | xargs --null sha256sum) | sha256sum | cut --delimiter=' ' --fields=1
}

# The name of the folder that has this release, whole. Empty if none has.
find_release() {
    local digest name
    digest=$(source_digest)
    for name in $(ls "$releases" 2>/dev/null || true); do
        if [ "$(cat "$releases/$name/.digest" 2>/dev/null)" = "$digest" ]; then
            printf '%s\n' "$name"
            return
        fi
    done
}

running_release() { [ ! -L "$current" ] || basename "$(readlink "$current")"; }
recorded_release() { [ ! -f "$record" ] || tail --lines=1 "$record" | cut --delimiter=' ' --fields=1; }

# The last that served and is not the one that `current` names.
previous_release() {
    local name found=''
    while read -r name _; do
        [ "$name" = "$(running_release)" ] || [ ! -f "$releases/$name/.digest" ] || found=$name
    done <"$record"
    printf '%s\n' "$found"
}

build_release() {
    local name
    step "The release"
    name=$(find_release)
    if [ -n "$name" ]; then
        release_folder=$releases/$name
        add_extras "$release_folder"
        return
    fi
    release_folder=$releases/$(date --utc +%Y-%m-%d-%H%M%S)
    change "build $release_folder" fill_release "$release_folder"
    # Nothing is there to configure from.
    [ -z "$dry_run" ] || release_folder=$source_folder
}

# The digest is written last: a folder without it is half of a release, which nobody uses.
fill_release() {
    remove_halves
    mkdir "$1"
    copy_source "$1"
    say "   install its packages; this takes a minute"
    python3 -m venv "$1/.venv"
    # shellcheck disable=SC2086
    install_locks "$1" app $extras
    collect_static "$1"
    "$1/.venv/bin/python" -m compileall -q "$1/project" "$1/content" "$1/workers"
    source_digest >"$1/.digest"
}

remove_halves() {
    local folder
    for folder in "$releases"/$dated/; do
        if [ -e "$folder" ] && [ ! -e "$folder/.digest" ]; then
            say "   remove $folder, which is not whole"
            rm -rf "$folder"
        fi
    done
}

# Kept: the release that serves, the one that a rollback needs, and the newest of the others. Folders that were made by
# hand have other names.
prune_releases() {
    local name names=() old
    step "Old releases"
    for name in "$releases"/$dated; do
        [ ! -d "$name" ] || [ "$(basename "$name")" = "$(running_release)" ] || names+=("$(basename "$name")")
    done
    old=$((${#names[@]} > keep ? ${#names[@]} - keep : 0))
    for name in "${names[@]:0:old}"; do
        [ "$name" = "$(previous_release)" ] || change "remove the release $name" rm -rf "${releases:?}/$name"
    done
    [ "$old" = 0 ] || [ -n "$dry_run" ] || prune_static
}

# Files that no release has any more.
prune_static() {
    (for name in "$releases"/*/static; do (cd "$name" && find . -type f); done) | sort --unique >"$scratch/kept"
    (cd "$shared_static" && find . -type f | sort) | comm -13 "$scratch/kept" - >"$scratch/old"
    [ ! -s "$scratch/old" ] || change "remove $(wc --lines <"$scratch/old") static files of removed releases" \
        remove_below "$shared_static" "$scratch/old"
}

# FOLDER LIST
remove_below() { (cd "$1" && xargs --delimiter='\n' rm --) <"$2"; }

# Static files have names with a hash: nginx serves those of all releases, and none replaces another.
collect_static() {
    (cd "$1" && SECRET_KEY=build CACHE_URL=locmem:// EVERGREEN_STATE_DIR="$scratch" EVERGREEN_STATIC_ROOT=$1/static \
        .venv/bin/python manage.py collectstatic --noinput -v0)
    cp --recursive --no-clobber "$1/static/." "$shared_static/"
}

# Renaming one link over the other leaves no moment without one.
link_release() {
    [ "$(readlink "$current" 2>/dev/null)" = "$1" ] || change "let $current name $(basename "$1")" move_link "$1"
}

move_link() {
    ln --symbolic --force --no-dereference "$1" "$current.new"
    mv --no-target-directory "$current.new" "$current"
}

record_release() {
    [ "$(recorded_release)" = "$1" ] || change "record $1 as the release that serves" write_record "$1"
}

write_record() { printf '%s %s\n' "$1" "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" >>"$record"; }
