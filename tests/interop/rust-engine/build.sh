#!/usr/bin/env bash
# Builds the program that runs SmartModules in the engine of the original, into tests/interop/rust-engine/bin.
#
#   tests/interop/rust-engine/build.sh
#
# Needs cargo and a C compiler. What was built is kept by the hash of the sources and the lock file, also for other
# checkouts (FIXTURES_CACHE, by default ~/.cache/fluvio-fixtures): the first build takes minutes, for wasmtime.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FIXTURES_CACHE:-$HOME/.cache/fluvio-fixtures}

# where rustup puts it; a shell that is no login shell does not know
PATH=$PATH:$HOME/.cargo/bin

say() { printf 'rust engine: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

hash=$(cd "$here" && find src Cargo.toml Cargo.lock -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
kept=$cache/rust-engine/$hash

if [ ! -x "$kept" ]; then
  command -v cargo >/dev/null || die "install Rust first (tests/fixtures/build-rust.sh does, as root)"
  command -v cc >/dev/null || die "install a C compiler first (apt-get install gcc)"
  say "building (several minutes the first time)"
  export CARGO_TARGET_DIR=$cache/rust-engine-target
  unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
  (cd "$here" && nice -n 10 cargo build --quiet --locked --release)
  mkdir -p "$cache/rust-engine"
  # renamed into place: whoever finds it finds all of it
  install -m 755 "$CARGO_TARGET_DIR/release/rust-engine" "$kept.$$"
  mv "$kept.$$" "$kept"
fi

mkdir -p "$here/bin"
install -m 755 "$kept" "$here/bin/rust-engine"
say "$(du -h "$kept" | cut -f1) in tests/interop/rust-engine/bin"
