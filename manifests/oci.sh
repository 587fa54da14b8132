# shellcheck shell=bash
# Sourced by the scripts beside it: OCI archives (image-spec 1.1) without a Docker engine. The same content gives the same
# bytes. Whoever sources it has put the content of each layer into a folder below $work.

authorities=/etc/ssl/certs/ca-certificates.crt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/oci/blobs/sha256"

fail() {
  echo "${0#"$PWD"/}: $*" >&2
  exit 1
}

pack() { # pack FOLDER: the folder as a tar whose bytes depend on its content alone
  tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -cf - .
}

blob() { # blob FILE: moves the file among the blobs and prints "digest size"
  local digest size
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  size=$(stat -c %s "$1")
  mv "$1" "$work/oci/blobs/sha256/$digest"
  echo "$digest $size"
}

put_authorities() { # put_authorities FOLDER: whom TLS trusts
  [ -f "$authorities" ] || fail "$authorities is missing: apt-get install ca-certificates"
  mkdir -p "$1/etc/ssl/certs"
  install -m 0644 "$authorities" "$1/etc/ssl/certs/ca-certificates.crt"
}

architecture() {
  case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac
}

# archive NAME:TAG ARCHIVE CONFIG LAYER...: an image whose layers are these folders, the lowest first.
archive() {
  local name=$1 archive=$2 run=$3 folder
  local media=application/vnd.oci.image
  local diffs='' layers='' digest size config config_size manifest manifest_size
  shift 3
  for folder; do
    find "$folder" -type d -exec chmod 0755 {} +
    pack "$folder" >"$work/layer"
    read -r digest size < <(blob "$work/layer")
    diffs+="${diffs:+,}\"sha256:$digest\""
    layers+="${layers:+,}{\"mediaType\":\"$media.layer.v1.tar\",\"digest\":\"sha256:$digest\",\"size\":$size}"
  done
  cat >"$work/config" <<JSON
{"architecture":"$(architecture)","os":"linux","config":$run,"rootfs":{"type":"layers","diff_ids":[$diffs]}}
JSON
  read -r config config_size < <(blob "$work/config")
  cat >"$work/manifest" <<JSON
{"schemaVersion":2,"mediaType":"$media.manifest.v1+json","config":{"mediaType":"$media.config.v1+json","digest":"sha256:$config","size":$config_size},"layers":[$layers]}
JSON
  read -r manifest manifest_size < <(blob "$work/manifest")
  cat >"$work/oci/index.json" <<JSON
{"schemaVersion":2,"mediaType":"$media.index.v1+json","manifests":[{"mediaType":"$media.manifest.v1+json","digest":"sha256:$manifest","size":$manifest_size,"annotations":{"io.containerd.image.name":"$name","org.opencontainers.image.ref.name":"${name##*:}"}}]}
JSON
  echo '{"imageLayoutVersion":"1.0.0"}' >"$work/oci/oci-layout"
  mkdir -p "$(dirname "$archive")"
  pack "$work/oci" >"$archive.partial"
  mv "$archive.partial" "$archive"
  echo "$archive: $name, $(stat -c %s "$archive") bytes, sha256:$manifest"
}
