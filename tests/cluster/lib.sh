# shellcheck shell=bash
# Sourced by the commands of this folder: finds, and if need be builds, the program in local/, which does the work.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The program is built once for each state of its source; the name is complete only when the file is.
cluster_program() {
    local cache key program
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/stationmaster/cluster
    key=$(cat "$here"/local/*.go "$here"/local/go.mod | sha256sum | cut -c1-12)
    program=$cache/cluster-$key
    if [[ ! -x $program ]]; then
        if ! command -v go >/dev/null; then
            echo "Go is needed to build the cluster: install it from https://go.dev/dl/, then run this again" >&2
            return 1
        fi
        mkdir -p "$cache"
        (cd "$here/local" && CGO_ENABLED=0 GOFLAGS='' GOWORK=off go build -trimpath -buildvcs=false -o "$program.$$" .)
        mv "$program.$$" "$program"
    fi
    echo "$program"
}

cluster() {
    local command=$1 program
    shift
    program=$(cluster_program) || return 1
    exec "$program" "$command" --home "$here" "$@"
}
