#!/usr/bin/env bash
# An S3 server for the tests of connectors: versitygw (Apache-2.0), which checks signatures, has ETags, pages and conditional
# requests, and keeps its objects as files. Built once by Go, about two minutes of one core; then it comes from the cache.
set -euo pipefail

version=1.8.0
folder="${FLUVIO_CI_CACHE:-$HOME/.cache/fluvio-ci}/versitygw-$version"
[ -x "$folder/versitygw" ] && exit 0
command -v go > /dev/null || { echo "the S3 server is built by Go, which is missing" >&2; exit 1; }
mkdir -p "$folder"
GOBIN="$folder" CGO_ENABLED=0 go install -ldflags="-s -w" "github.com/versity/versitygw/cmd/versitygw@v$version"
