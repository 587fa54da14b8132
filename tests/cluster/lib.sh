# shellcheck shell=bash
# Sourced by the commands of this folder: which kind of cluster, and the program in local/ that brings up our own.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
    echo "cluster: $*" >&2
    exit 1
}

# CLUSTER=node|kwok|kind|current chooses; without it the best that this machine can carry.
kind_of_cluster() {
    case ${CLUSTER:-auto} in
        node | kwok | kind | current) echo "$CLUSTER" ;;
        auto)
            if [[ $(uname) == Linux && $EUID == 0 ]]; then
                echo node
            elif command -v kind >/dev/null && docker info >/dev/null 2>&1; then
                echo kind
            elif [[ $(uname) == Linux ]]; then
                echo kwok
            else
                fail "needs Linux, or Docker and kind (https://kind.sigs.k8s.io)"
            fi
            ;;
        *) fail "CLUSTER=$CLUSTER: node, kwok, kind or current" ;;
    esac
}

# The folder among a command's arguments, or the default.
folder_of() {
    local dir=$here/../../target/cluster
    while (($# > 0)); do
        case $1 in
            --dir) dir=$2 ;;
            --dir=*) dir=${1#--dir=} ;;
        esac
        shift
    done
    echo "$dir"
}

# From 1.21 on Go fetches the newer toolchain that a go.mod asks for by itself.
go_is_there() {
    local version
    version=$(go env GOVERSION 2>/dev/null) || return 1
    [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21))
}

# Says why there can be no cluster here, on a machine that lacks all that any kind of cluster begins with; else fails.
excuse() {
    if go_is_there || [[ $EUID == 0 ]] || docker info >/dev/null 2>&1; then return 1; fi
    echo "this machine has no Go, no root and no Docker: nothing that needs a cluster is tested"
}

# The program is built once for each state of its source; the name is complete only when the file is.
cluster_program() {
    local cache key program
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/stationmaster/cluster
    key=$(cat "$here"/local/*.go "$here"/local/go.mod | sha256sum | cut -c1-12)
    program=$cache/cluster-$key
    if [[ ! -x $program ]]; then
        go_is_there || fail "Go 1.21 or later is needed to build the cluster: install it from https://go.dev/dl/, then run this again"
        mkdir -p "$cache"
        (cd "$here/local" && CGO_ENABLED=0 GOFLAGS='' GOWORK=off go build -trimpath -buildvcs=false -o "$program.$$" .)
        mv "$program.$$" "$program"
    fi
    echo "$program"
}

# Runs the program in place of this shell.
cluster() {
    local command=$1 program
    shift
    program=$(cluster_program)
    exec "$program" "$command" --home "$here" "$@"
}

# The folder's contract for a cluster that is not ours. $1: kind or current, $2: folder, $3: the kubeconfig's text.
adopt() {
    local kubectl
    kubectl=$(command -v kubectl) || fail "kubectl is needed for CLUSTER=$1: https://kubernetes.io/docs/tasks/tools/"
    [[ ! -e $2/stationmaster-cluster ]] || fail "$2 holds a cluster of ours: take it down first (make cluster-down)"
    mkdir -p "$2/bin"
    dir=$(cd "$2" && pwd)
    (umask 077 && printf '%s\n' "$3" >"$dir/kubeconfig")
    ln -sf "$kubectl" "$dir/bin/kubectl"
    printf "export KUBECONFIG='%s'\nexport PATH='%s':\"\$PATH\"\nexport CLUSTER_TIER='%s'\n" "$dir/kubeconfig" "$dir/bin" "$1" >"$dir/env"
    echo "$1" >"$dir/other-cluster"
    echo "cluster ($1) ready: export KUBECONFIG=$dir/kubeconfig" >&2
}

# Not tried where this project is tested: there is no Docker engine.
kind_up() {
    local dir config
    command -v kind >/dev/null || fail "kind is needed for CLUSTER=kind: https://kind.sigs.k8s.io"
    docker info >/dev/null 2>&1 || fail "CLUSTER=kind needs a running Docker engine"
    dir=$(folder_of "$@")
    if ! kind get clusters 2>/dev/null | grep -qx stationmaster; then
        # A kubeconfig of its own: kind would write into the user's.
        kind create cluster --name stationmaster --config "$here/../../kind-config.yaml" --kubeconfig "${TMPDIR:-/tmp}/stationmaster-kind-$$"
        rm -f "${TMPDIR:-/tmp}/stationmaster-kind-$$"
    fi
    config=$(kind get kubeconfig --name stationmaster)
    adopt kind "$dir" "$config"
}

# The user's current context, on request only; nothing is started, and their file is only read.
current_up() {
    local config
    config=$(kubectl config view --minify --raw --flatten) || fail "CLUSTER=current needs a current context"
    adopt current "$(folder_of "$@")" "$config"
}
