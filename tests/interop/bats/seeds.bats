#!/usr/bin/env bats
# Every fluvio command of the two seed documents, word for word but for the endpoint (localhost in place of the internet).

load helper

setup_file() {
  start_everything
  cd "$BATS_FILE_TMPDIR/work"
  mkdir -p target/wasm32-unknown-unknown/release
  cp "$WASM/m_filter.wasm" target/wasm32-unknown-unknown/release/my_filter.wasm
  cp "$WASM/m_filter.wasm" target/wasm32-unknown-unknown/release/my_filter_in_development.wasm
  cp "$WASM/seed_catfact_map.wasm" target/wasm32-unknown-unknown/release/catfact_map.wasm
}

teardown_file() {
  stop_everything
}

setup() {
  load /usr/lib/bats/bats-support/load
  load /usr/lib/bats/bats-assert/load
  cd "$BATS_FILE_TMPDIR/work"
}

seed_connector() {
  cat > connect.yml << YAML
# connect.yml
version: 0.3.0
name: cat-facts
type: http
topic: cat-facts
direction: source
parameters:
  endpoint: $API
  interval: ${1:-10s}
YAML
}

# --- SmartModules overview -------------------------------------------------------------------------------------------

@test "smart-module create registers a module" {
  run fluvio smart-module create my-filter --wasm-file ./target/wasm32-unknown-unknown/release/my_filter.wasm
  assert_success
}

@test "smart-module list shows name, status and size" {
  run fluvio smart-module list
  assert_success
  assert_line --index 0 --regexp '^ +NAME +STATUS +SIZE *$'
  assert_line --index 1 --regexp '^ +my-filter +SmartModuleStatus +[0-9]+ *$'
}

@test "consume applies a registered module by name" {
  fluvio topic create my-topic
  printf 'xyz\napple\nplum\nbanana\n' | fluvio produce my-topic
  run first_lines 2 fluvio consume my-topic -B --filter my-filter
  assert_output $'apple\nbanana'
}

@test "consume applies a module that is not registered, by path" {
  run first_lines 2 fluvio consume my-topic -B --filter=target/wasm32-unknown-unknown/release/my_filter_in_development.wasm
  assert_output $'apple\nbanana'
}

@test "a connector file with a filter by name, without a version, creates its topic" {
  cat > cat-facts-connector.yml << YAML
# cat-facts-connector.yml
name: cat-facts-connector
type: http
topic: cat-facts-filtered
create_topic: true
direction: source
parameters:
  endpoint: $API
  interval: 30
  filter: my-filter
YAML
  run fluvio connector create --config=./cat-facts-connector.yml
  assert_success
  until_succeeds shows_running cat-facts-connector
  run first_lines 1 fluvio consume cat-facts-filtered -B
  assert_output --partial '"fact"'
  run fluvio connector delete cat-facts-connector
  assert_success
}

# --- Smart Connectors overview ---------------------------------------------------------------------------------------

@test "connector create is silent" {
  seed_connector
  run fluvio connector create --config=./connect.yml
  assert_success
  assert_output ''
}

@test "connector list shows it running" {
  until_succeeds shows_running cat-facts
  run fluvio connector list
  assert_line --index 0 --regexp '^ +NAME +STATUS *$'
  assert_line --index 1 --regexp '^ +cat-facts +Running *$'
}

@test "consume shows the facts" {
  run first_lines 1 fluvio consume cat-facts -B
  assert_output --regexp '^\{"fact":".+","length":[0-9]+\}$'
}

@test "connector describe shows the file as the seed does" {
  run fluvio connector describe cat-facts
  assert_success
  assert_output "---
name: cat-facts
type: http
topic: cat-facts
version: 0.3.0
parameters:
  endpoint: \"$API\"
  interval: 10s"
}

@test "connector delete removes it" {
  run fluvio connector delete cat-facts
  assert_success
  run fluvio connector list
  refute_output --partial cat-facts
}

@test "topic create" {
  fluvio topic delete cat-facts
  run fluvio topic create cat-facts
  assert_success
  assert_output 'topic "cat-facts" created'
}

@test "the seed's Rust module is registered under its name" {
  run fluvio smartmodule create catfact-map --wasm-file=target/wasm32-unknown-unknown/release/catfact_map.wasm
  assert_success
}

@test "a connector with the map turns each fact into a string" {
  seed_connector 500ms
  echo '  map: "catfact-map"' >> connect.yml
  sed -i 's/^name: .*/name: cat-facts-mapped/; s/^topic: .*/topic: cat-facts-mapped/' connect.yml
  run fluvio connector create --config=./connect.yml
  assert_success
  run first_lines 3 fluvio consume cat-facts-mapped -B
  assert_equal "${#lines[@]}" 3
  assert_line --index 0 --regexp '^"[^{].+"$'
  fluvio connector delete cat-facts-mapped
}

@test "the producer section's linger, compression and batch size are taken" {
  seed_connector 200ms
  cat >> connect.yml << YAML
  map: "catfact-map"
producer:
  linger: 1ms
  compression: gzip
  batch-size: 1 MB
YAML
  sed -i 's/^name: .*/name: cat-facts-gzip/; s/^topic: .*/topic: cat-facts-gzip/' connect.yml
  run fluvio connector create --config=./connect.yml
  assert_success
  run first_lines 2 fluvio consume cat-facts-gzip -B
  assert_line --index 1 --regexp '^".+"$'
  # The records lie in the log compressed: behind the header of 57 bytes a gzip member begins, 1f 8b.
  run od -A n -t x1 -j 57 -N 2 "$FLUVIO_DIR"/data/*/cat-facts-gzip-0/00000000000000000000.log
  assert_output ' 1f 8b'
  fluvio connector delete cat-facts-gzip
}

@test "connector create with the map, as in the document" {
  seed_connector
  echo '  map: "catfact-map"' >> connect.yml
  run fluvio connector create --config=./connect.yml
  assert_success
  assert_output ''
  run first_lines 1 fluvio consume cat-facts -B
  assert_output --regexp '^"[^{].+"$'
  run fluvio connector describe cat-facts
  assert_line --regexp '^  map: catfact-map$'
  fluvio connector delete cat-facts
}

@test "profile shows the active profile" {
  run fluvio profile
  assert_success
  assert_output local
}

@test "profile switch to another profile and back" {
  fluvio profile add other-profile 127.0.0.1:1
  run fluvio profile switch other-profile
  assert_success
  run fluvio profile
  assert_output other-profile
  fluvio profile switch local
}
