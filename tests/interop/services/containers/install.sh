#!/usr/bin/env bash
# podman without a registry: the base image is made of Debian's packages and the Node that runs here.
set -euo pipefail
podman=$(cd "$(dirname "$0")" && pwd)/podman
cache=${FLUVIO_CI_CACHE:-$HOME/.cache/fluvio-ci}/containers
image=localhost/fluvio-test-base:latest
mkdir -p "$cache"

missing=()
for package in podman runc buildah debootstrap; do
  dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

[ -e "$cache/driver" ] && "$podman" image exists "$image" && exit 0

tree=$cache/base
if [ ! -e "$tree/.complete" ]; then
  rm -rf "$tree"
  mkdir -p "$tree"
  debootstrap --variant=minbase --include=ca-certificates,libstdc++6 bookworm "$tree" > "$cache/debootstrap.log" 2>&1 ||
    { tail -n 20 "$cache/debootstrap.log"; exit 1; }
  rm -rf "$tree"/usr/share/{doc,man,locale,info} "$tree/var/cache/apt" "$tree/var/lib/apt/lists"
  touch "$tree/.complete"
fi
cp "$(node -p process.execPath)" "$tree/usr/local/bin/node"

# overlay starts a container in a second, vfs copies its whole image first; not every machine lets overlay be mounted
for driver in overlay vfs; do
  if tar -C "$tree" -c . | CONTAINER_DRIVER=$driver "$podman" import --quiet - "$image" &&
    CONTAINER_DRIVER=$driver "$podman" run --rm --network host --security-opt seccomp=unconfined \
      --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 "$image" node --version; then
    echo "$driver" > "$cache/driver"
    exit 0
  fi
done
echo "podman runs no container here" >&2
exit 1
