import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connector as source } from "../../../packages/connectors/postgres/source.ts";
import { connector as postgresSink } from "../../../packages/connectors/sql/postgres-sink.ts";
import { connector as sqlSink } from "../../../packages/connectors/sql/sink.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { makeCertificates } from "../services/certificates.ts";
import { Postgres } from "../services/postgres.ts";

/** Connectors with a PostgreSQL that has TLS, whose certificate a test's own authority has signed for 127.0.0.1 and localhost. */
const connectors = useConnectors();
const WAIT = { timeout: 60_000, interval: 20 };
/** Leads to the server, but is no name of its certificate. */
const OTHER_ADDRESS = "127.0.0.2";
const state = { names: 0, otherCa: "" };
let postgres: Postgres;

beforeAll(async () => {
  postgres = await Postgres.start({ isSecure: true, settings: { listen_addresses: `127.0.0.1,${OTHER_ADDRESS}` } });
  await postgres.query("CREATE TABLE seen (id int PRIMARY KEY); INSERT INTO seen VALUES (1)");
  const folder = join(connectors.folder, "other");
  await mkdir(folder);
  state.otherCa = (await makeCertificates(folder)).ca;
});
afterAll(() => postgres[Symbol.asyncDispose]());

type Part = "postgres-source" | "postgres-sink" | "sql-sink";
const PARTS: readonly Part[] = ["postgres-source", "postgres-sink", "sql-sink"];
const urlOf = (user: string, host = "127.0.0.1", query = "") =>
  `postgres://${user}@${host}:${postgres.port}/postgres${query}`;

async function start(part: Part, url: string, parameters: Readonly<Record<string, string>>) {
  const name = `c${++state.names}`;
  const topic = await connectors.topicWith(part === "postgres-source" ? [] : ['{"id":1}']);
  const own =
    part === "postgres-source"
      ? { publication: name, slot: name, tables: "public.seen", format: "changes" }
      : { table: name, "create-table": "true" };
  const config = connectors.config(part, topic, { url, ...own, ...parameters });
  const definition = { "postgres-source": source, "postgres-sink": postgresSink, "sql-sink": sqlSink }[part];
  return { running: connectors.start(definition, config), name: config.name };
}

/** Whether each connection of a connector that does its work has TLS, and who the server takes it for. */
async function connections({ running, name }: Awaited<ReturnType<typeof start>>) {
  await vi.waitFor(() => expect([running.counters.records, running.failure]).toEqual([1, undefined]), WAIT);
  return await vi.waitFor(async () => {
    const found = await postgres.query(
      "SELECT ssl, usename AS user, client_dn IS NOT NULL AS certified FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = $1",
      [`fluvio_connector_${name}`],
    );
    expect(found.length).toBeGreaterThan(0);
    return found;
  }, WAIT);
}

describe.each(PARTS)("%s over TLS", (part) => {
  test("reaches a server that it is to trust, as the mode says", async () => {
    const modes: readonly (readonly [url: string, parameters: Readonly<Record<string, string>>])[] = [
      [urlOf("postgres"), {}],
      [urlOf("postgres"), { tls: "require" }],
      [urlOf("postgres", OTHER_ADDRESS), { tls: "verify-ca", "tls-ca": postgres.ca }],
      [urlOf("postgres"), { tls: "verify-full", "tls-ca": postgres.ca }],
      [urlOf("postgres", "localhost", `?sslmode=verify-full&sslrootcert=${postgres.ca}`), {}],
    ];
    for (const [url, parameters] of modes) {
      const started = await start(part, url, parameters);
      for (const one of await connections(started)) expect(one).toMatchObject({ ssl: true, certified: false });
      await started.running.stop();
    }
  });

  test("shows its own certificate", async () => {
    const own = { "tls-cert": postgres.clientCert, "tls-key": postgres.clientKey, "tls-ca": postgres.ca };
    const started = await start(part, urlOf("connector"), { tls: "verify-full", ...own });
    for (const one of await connections(started)) {
      expect(one).toEqual({ ssl: true, user: "connector", certified: true });
    }
  });

  test("without it when told so", async () => {
    for (const one of await connections(await start(part, urlOf("postgres"), { tls: "disable" }))) {
      expect(one).toMatchObject({ ssl: false });
    }
  });

  test("says what to change when the certificate is not trusted or of another name, or one is wanted", async () => {
    const wrong: readonly (readonly [url: string, parameters: Readonly<Record<string, string>>, told: RegExp])[] = [
      [
        urlOf("postgres"),
        { tls: "verify-full" },
        /is not trusted: give the certificate of who has signed it as `tls-ca`/,
      ],
      [
        urlOf("postgres"),
        { tls: "verify-ca", "tls-ca": state.otherCa },
        /was not signed by the authority of `tls-ca`: give the certificate of who has signed it/,
      ],
      [
        urlOf("postgres", OTHER_ADDRESS),
        { tls: "verify-full", "tls-ca": postgres.ca },
        /is for other names: connect by one of them, or use `tls: verify-ca`/,
      ],
      [urlOf("postgres"), { tls: "verify-full", "tls-ca": "/nowhere/ca.pem" }, /cannot read the file of `tls-ca`/],
      [
        urlOf("connector"),
        { tls: "require" },
        /wants a certificate that it trusts: give one as `tls-cert` and `tls-key`/,
      ],
      [urlOf("connector"), { tls: "disable" }, /wants TLS: use `tls: require` or `tls: verify-full`/],
    ];
    for (const [url, parameters, told] of wrong) {
      const { running } = await start(part, url, parameters);
      await vi.waitFor(() => expect(running.troubles.at(-1) ?? "").toMatch(told), WAIT);
      expect(running.counters.records).toBe(0);
      await running.stop();
    }
  });
});

test.each(PARTS)(
  "%s: a server without TLS is told of when TLS is wanted, and used when it is preferred",
  async (part) => {
    await using plain = await Postgres.start();
    await plain.query("CREATE TABLE seen (id int PRIMARY KEY); INSERT INTO seen VALUES (1)");
    const { running } = await start(part, plain.url(), { tls: "require" });
    await vi.waitFor(
      () => expect(running.troubles.at(-1) ?? "").toMatch(/has no TLS, but `tls: require` wants it/),
      WAIT,
    );
    await running.stop();
    const preferring = await start(part, plain.url(), {});
    await vi.waitFor(() => expect(preferring.running.counters.records).toBe(1), WAIT);
    await preferring.running.stop();
  },
);
