import { afterAll, beforeAll, beforeEach, expect, vi } from "vitest";
import { connector as source } from "../../../packages/connectors/postgres/source.ts";
import { type RunningConnector, useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { Postgres } from "../services/postgres.ts";

const WAIT = { timeout: 60_000, interval: 50 };

interface Change {
  readonly op: string;
  readonly table: string;
  readonly key: unknown;
  readonly before: unknown;
  readonly after: { readonly id: number } | null;
  readonly unchanged?: readonly string[];
}

/** Parameters for records of changes. */
export const CHANGES = { format: "changes" };
export const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

/** A cluster and a server; each test has a database, a publication and a slot of one name. */
export function postgresSuite() {
  const connectors = useConnectors();
  const state: { postgres?: Postgres; name: string; names: number } = { name: "", names: 0 };
  const postgres = () => state.postgres as Postgres;
  beforeAll(async () => {
    state.postgres = await Postgres.start();
  });
  afterAll(() => state.postgres?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    state.name = `db_${++state.names}`;
    await postgres().createDatabase(state.name);
  });

  const sql = (statements: string) => postgres().query(statements, [], state.name);
  const config = (topic: string, parameters = {}) =>
    connectors.config("postgres-source", topic, {
      url: postgres().url(state.name),
      publication: state.name,
      slot: state.name,
      ...parameters,
    });
  const isActive = async () => {
    const slots = "SELECT active FROM pg_replication_slots WHERE slot_name = $1";
    const [slot] = await postgres().query(slots, [state.name]);
    expect(slot?.active).toBe(true);
  };
  const streaming = (connector: RunningConnector) =>
    vi.waitFor(async () => {
      if (connector.failure !== undefined) throw connector.failure;
      await isActive();
    }, WAIT);
  const started = async (topic: string, parameters = {}) => {
    const connector = connectors.start(source, config(topic, parameters));
    await streaming(connector);
    return connector;
  };
  const changes = async (topic: string, count: number) =>
    (await connectors.records(topic, count)).map(({ value }): Change => JSON.parse(value));
  const ids = async (topic: string, count: number) => (await changes(topic, count)).map(({ after }) => after?.id);
  return {
    ...{ connectors, postgres, sql, config, isActive, streaming, started, changes, ids },
    /** Of this test's database, publication and slot. */
    name: () => state.name,
  };
}
