import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConnectorFile } from "../connector/index.ts";
import { withAbsolutePaths } from "./connector-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-connector-file-"));
  await mkdir(join(folder, "catfact-map"));
  await mkdir(join(folder, "folder.wasm"));
  await writeFile(join(folder, "own.wasm"), "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a SmartModule is a path where a file is: a project's folder beside the connector file is the name of the module", async () => {
  const config = loadConnectorFile(
    `name: c
type: http
topic: t
parameters:
  map: catfact-map
  filter: ./own.wasm
  body: own.wasm
transforms:
  - uses: own.wasm
  - uses: folder.wasm
  - uses: catfact-map
`,
    "connect.yml",
  );
  const { parameters, transforms } = await withAbsolutePaths(config, "connect.yml", folder);
  const own = join(folder, "own.wasm");
  expect(parameters).toEqual({ map: "catfact-map", filter: own, body: "own.wasm" });
  expect(transforms.map(({ uses }) => uses)).toEqual([own, "folder.wasm", "catfact-map"]);
});

test("a SmartModule is looked for beside the connector's file, then where the user is", async () => {
  await mkdir(join(folder, "conf"));
  await writeFile(join(folder, "conf", "beside.wasm"), "");
  const text = "name: c\ntype: http\ntopic: t\ntransforms:\n  - uses: beside.wasm\n  - uses: own.wasm\n";
  const { transforms } = await withAbsolutePaths(loadConnectorFile(text, "c.yml"), "conf/c.yml", folder);
  expect(transforms.map(({ uses }) => uses)).toEqual([join(folder, "conf", "beside.wasm"), join(folder, "own.wasm")]);
});

test("so is a package", async () => {
  for (const name of ["conf/near", "far"]) {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, "package.json"), "{}");
  }
  await writeFile(join(folder, "far.tgz"), "");
  const typeOf = async (type: string) => {
    const config = loadConnectorFile(`name: c\ntype: ${type}\ntopic: t\n`, "c.yml");
    return (await withAbsolutePaths(config, "conf/c.yml", folder)).type;
  };
  expect(await typeOf("npm:./near")).toBe(`npm:${join(folder, "conf", "near")}`);
  expect(await typeOf("npm:./far")).toBe(`npm:${join(folder, "far")}`);
  expect(await typeOf("npm:./far.tgz")).toBe(`npm:${join(folder, "far.tgz")}`);
  expect(await typeOf("npm:./nowhere")).toBe(`npm:${join(folder, "conf", "nowhere")}`);
  expect(await typeOf("npm:@acme/x@1.0.0")).toBe("npm:@acme/x@1.0.0");
});

describe("paths in options begin in the folder of the connector's file", () => {
  const at = (path: string) => `/conf/${path}`;
  const URL_TLS = "sslmode=verify-full&sslrootcert=";

  test.each([
    ["file-source", { path: "./logs/*.log", exclude: "*.tmp" }, { path: at("logs/*.log"), exclude: "*.tmp" }],
    ["file-source", { path: "/var/log/app.log" }, { path: "/var/log/app.log" }],
    ["sql-sink", { url: "sqlite:./rel.db" }, { url: `sqlite:${at("rel.db")}` }],
    ["sqlite-sink", { "database-url": "sqlite://a%3Fb.db?x=1" }, { "database-url": `sqlite://${at("a%3Fb.db")}?x=1` }],
    ["sqlite-sink", { url: "sqlite::memory:" }, { url: "sqlite::memory:" }],
    ["mysql-sink", { url: "mysql://h/d?ssl-ca=my%20ca.pem" }, { url: `mysql://h/d?ssl-ca=${at("my%20ca.pem")}` }],
    [
      "postgres-source",
      { url: `postgres://h/d?${URL_TLS}../ca.pem`, "tls-key": "${{ secrets.KEY }}", "tls-cert": "-----BEGIN X" },
      { url: `postgres://h/d?${URL_TLS}/ca.pem`, "tls-key": "${{ secrets.KEY }}", "tls-cert": "-----BEGIN X" },
    ],
    [
      "duckdb-sink",
      { path: "facts.db", export: { path: "out" } },
      { path: at("facts.db"), export: { path: at("out") } },
    ],
    ["duckdb-sink", { url: "duckdb:../facts.db" }, { url: "duckdb:/facts.db" }],
    ["duckdb-sink", { url: "md:facts" }, { url: "md:facts" }],
    [
      "kafka-sink",
      { "ssl-ca-file": "ca.pem", security: { ssl_key: { file: "key.pem", pem: "none" } } },
      { "ssl-ca-file": at("ca.pem"), security: { ssl_key: { file: at("key.pem"), pem: "none" } } },
    ],
    [
      "nats-source",
      { creds: "user.creds", nkey: `SU${"A".repeat(56)}` },
      { creds: at("user.creds"), nkey: `SU${"A".repeat(56)}` },
    ],
    ["redis-sink", { key: "[REDACTED]", ca: "ca.pem" }, { key: "[REDACTED]", ca: at("ca.pem") }],
    ["webhook-source", { path: "hooks", tls: { cert: "c.pem" } }, { path: "hooks", tls: { cert: at("c.pem") } }],
    ["http-source", { endpoint: "./x" }, { endpoint: "./x" }],
    ["no-such-type", { path: "./x" }, { path: "./x" }],
  ])("%s: %o", async (type, parameters, expected) => {
    const file = JSON.stringify({ name: "c", type, topic: "t", parameters });
    const config = await withAbsolutePaths(loadConnectorFile(file, "c.yml"), "conf/c.yml", "/");
    expect(config.parameters).toEqual(expected);
  });

  test("but in a container they are the container's", async () => {
    const file = { name: "c", type: "file", topic: "t", runtime: "container", parameters: { path: "./x" } };
    const config = await withAbsolutePaths(loadConnectorFile(JSON.stringify(file), "c.yml"), "conf/c.yml", "/");
    expect(config.parameters).toEqual({ path: "./x" });
  });
});
