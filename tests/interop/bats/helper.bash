# Shared by the suites: a cluster of their own in a temporary home, `fluvio` on the PATH, the cat-facts API on localhost.

ROOT=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)
WASM=$ROOT/tests/fixtures/wasm

free_port() {
  (cd "$ROOT" && node --import tsx tests/free-port.ts)
}

start_everything() {
  export HOME=$BATS_FILE_TMPDIR/home
  export FLUVIO_DIR=$HOME/.fluvio
  export PATH=$BATS_FILE_TMPDIR/bin:$PATH
  mkdir -p "$HOME" "$BATS_FILE_TMPDIR/bin" "$BATS_FILE_TMPDIR/work"
  ln -sf "$ROOT/packages/fluvio/bin/fluvio.js" "$BATS_FILE_TMPDIR/bin/fluvio"
  fluvio cluster start --sc-pub-addr "127.0.0.1:$(free_port)" --spu-base-port "$(free_port)" --gateway-addr off

  local port
  port=$(free_port)
  node "$ROOT/examples/cat-facts/server.mjs" --port "$port" > "$BATS_FILE_TMPDIR/api.log" 2>&1 3>&- &
  echo $! > "$BATS_FILE_TMPDIR/api.pid"
  export API="http://localhost:$port/fact"
  until_succeeds curl -sf "$API"
}

stop_everything() {
  kill "$(cat "$BATS_FILE_TMPDIR/api.pid")" || true
  fluvio cluster delete --force
}

# Repeats a command until it succeeds, for at most 60 s: waiting for an event, with a deadline.
until_succeeds() {
  local deadline=$((SECONDS + 60))
  until "$@" > /dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      echo "still failing after 60 s: $*" >&2
      "$@"
      return 1
    fi
  done
}

# The first N lines of a command that does not end by itself; then it is ended as by Ctrl-C.
first_lines() {
  local count=$1 line out
  shift
  exec {out}< <(exec "$@" 2> "$BATS_TEST_TMPDIR/stderr" 3>&-)
  local pid=$!
  while [ "$count" -gt 0 ] && read -r -t 60 line <&"$out"; do
    echo "$line"
    count=$((count - 1))
  done
  kill -INT "$pid" || true
  exec {out}<&-
  if [ "$count" -gt 0 ]; then
    cat "$BATS_TEST_TMPDIR/stderr"
    return 1
  fi
}

shows_running() {
  fluvio connector list | grep -q "$1 *Running"
}
