#!/usr/bin/env bash
# podman without a registry: the base image is made of Debian's packages and the Node that runs here.
set -euo pipefail
CACHE=${FLUVIO_CI_CACHE:-$HOME/.cache/fluvio-ci}
IMAGE=localhost/fluvio-test-base:latest
podman=(podman --cgroup-manager cgroupfs --runtime runc --storage-driver vfs)

missing=()
for package in podman runc buildah debootstrap; do
  dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

"${podman[@]}" image exists "$IMAGE" && exit 0
tree=$CACHE/base-image
if [ ! -e "$tree/.complete" ]; then
  rm -rf "$tree"
  mkdir -p "$tree"
  debootstrap --variant=minbase --include=ca-certificates,libstdc++6 bookworm "$tree" > "$CACHE/debootstrap.log" 2>&1 ||
    { tail -n 20 "$CACHE/debootstrap.log"; exit 1; }
  touch "$tree/.complete"
fi
cp "$(node -p process.execPath)" "$tree/usr/local/bin/node"
tar -C "$tree" -c . | "${podman[@]}" import --quiet - "$IMAGE"
