import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { tryLater } from "fluvio/connector";
import pg from "pg";
import type { ReplicationClientConfig } from "pg-logical-replication";
import { type AddressOptions, addressOf, withoutTls, withTls } from "../shared/sql/address.ts";
import { quoteTable } from "../shared/sql/names.ts";
import { type Lsn, parseLsn } from "./lsn.ts";

export interface ServerOptions {
  /** Holds a password: never shown. */
  readonly url: URL;
  /** What the options say of TLS, beside the URL. */
  readonly tls: AddressOptions;
  /** Of the connector. */
  readonly name: string;
  readonly publication: string;
  readonly slot: string;
  /** Tables of a publication that is made; `undefined`: all. */
  readonly tables: readonly string[] | undefined;
  readonly skipSetup: boolean;
}

interface Slot {
  /** The server keeps everything behind it. */
  readonly confirmedLsn: Lsn;
  /** Whether the server has thrown away what the slot needs. */
  readonly isLost: boolean;
}

export interface Server {
  /** Its identity, which a copy made by `initdb` does not have. */
  readonly system: string;
  /** Where its log ends. */
  readonly endLsn: Lsn;
  readonly slot: Slot | undefined;
}

/** A connection, and what ends it whatever the server does. */
export interface Connection extends AsyncDisposable {
  readonly client: pg.Client;
}

const DEFAULT_PORT = 5432;
const CONNECT_TIMEOUT_MS = 4000;
const END_TIMEOUT_MS = 2000;
const PLUGIN = "pgoutput";

/** Where the log of a server ends, also of one that follows another. */
const END_OF_LOG =
  "(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS lsn";

/**
 * @param socket that the driver connects and uses: cutting it ends the connection
 * @param ssl as {@link withServerTls} tells
 */
export function clientConfig(
  { url, name }: ServerOptions,
  socket: Socket,
  ssl: ConnectionOptions | undefined,
): ReplicationClientConfig {
  return {
    connectionString: withoutTls(url),
    ssl: ssl ?? false,
    application_name: `fluvio_connector_${name}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    stream: () => socket,
    replication: "database",
  };
}

/** @param kind `replication`: for the commands of replication, `sql`: for statements */
export async function open(options: ServerOptions, kind: "sql" | "replication"): Promise<Connection> {
  return await withServerTls(options, (tls) => openWith(options, kind, tls));
}

/** Connects with what TLS is to check, or without TLS. @throws with what to do, when TLS keeps the two apart */
export async function withServerTls<T>(
  { url, tls }: ServerOptions,
  connect: (tls: ConnectionOptions | undefined) => Promise<T>,
): Promise<T> {
  const hasNone = (error: unknown) => error instanceof Error && error.message.includes("does not support SSL");
  return await withTls(addressOf(url, tls, DEFAULT_PORT), connect, hasNone);
}

async function openWith(
  options: ServerOptions,
  kind: "sql" | "replication",
  tls: ConnectionOptions | undefined,
): Promise<Connection> {
  const socket = new Socket();
  const { replication, ...plain } = clientConfig(options, socket, tls);
  const config = kind === "sql" ? plain : { ...plain, replication };
  const client = new pg.Client(config);
  client.on("error", () => {
    // The query in hand tells.
  });
  const close = async () => {
    await Promise.race([client.end().catch(() => {}), sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    socket.destroy();
  };
  try {
    await client.connect();
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return { client, [Symbol.asyncDispose]: close };
}

/**
 * Looks at the server and makes the publication when it is missing.
 * @throws FLV_SINK_UNAVAILABLE with what is to be set up
 */
export async function prepare(client: pg.Client, options: ServerOptions): Promise<Server> {
  const { slot: name } = options;
  const [server] = await rows(
    client,
    `SELECT current_setting('wal_level') AS level, system_identifier::text AS system, current_database() AS database,
            ${END_OF_LOG}
       FROM pg_control_system()`,
  );
  if (server?.level !== "logical") {
    throw tryLater(
      `the server has \`wal_level = ${server?.level}\`: set \`wal_level = logical\` in postgresql.conf and restart it`,
    );
  }
  await publish(client, options);
  const [slot] = await rows(
    client,
    `SELECT plugin, database, confirmed_flush_lsn::text AS lsn, to_jsonb(s) ->> 'wal_status' AS status
       FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  if (slot !== undefined && (slot.plugin !== PLUGIN || slot.database !== server.database)) {
    throw tryLater(
      `the slot ${name} is one of the plugin ${slot.plugin} in the database ${slot.database}: give \`slot\` another name`,
    );
  }
  return {
    system: server.system ?? "",
    endLsn: parseLsn(server.lsn ?? "") ?? 0n,
    slot:
      slot === undefined ? undefined : { confirmedLsn: parseLsn(slot.lsn ?? "") ?? 0n, isLost: slot.status === "lost" },
  };
}

/** Where the server's log ends now. */
export async function endOfLog(client: pg.Client): Promise<Lsn> {
  const [row] = await rows(client, `SELECT ${END_OF_LOG}`);
  return parseLsn(row?.lsn ?? "") ?? 0n;
}

async function publish(client: pg.Client, { publication, tables, skipSetup }: ServerOptions): Promise<void> {
  const found = await rows(client, "SELECT 1 AS one FROM pg_publication WHERE pubname = $1", [publication]);
  if (found.length > 0) return;
  if (skipSetup) {
    throw tryLater(`the publication ${publication} does not exist: create it, or leave \`skip_setup\` out`);
  }
  const what = tables === undefined ? "ALL TABLES" : `TABLE ${tables.map(tableName).join(", ")}`;
  await client.query(`CREATE PUBLICATION ${pg.escapeIdentifier(publication)} FOR ${what}`);
}

function tableName(table: string): string {
  return quoteTable(table, '"');
}

/** What a slot that was made begins with. */
export interface NewSlot {
  /** All changes behind it come; everything before is in the snapshot. */
  readonly lsn: Lsn;
  /** For `SET TRANSACTION SNAPSHOT`, as long as the connection that made the slot does nothing else. */
  readonly snapshot: string;
}

/** Waits until the transactions that are running have ended. */
export async function createSlot(replication: pg.Client, slot: string): Promise<NewSlot> {
  const name = pg.escapeIdentifier(slot);
  const result = await replication.query<Readonly<Record<string, string>>>(
    `CREATE_REPLICATION_SLOT ${name} LOGICAL ${PLUGIN}`,
  );
  const [row] = result.rows;
  return { lsn: parseLsn(row?.consistent_point ?? "") ?? 0n, snapshot: row?.snapshot_name ?? "" };
}

export async function dropSlot(client: pg.Client, slot: string): Promise<void> {
  await client.query("SELECT pg_drop_replication_slot($1)", [slot]);
}

/** Rows whose columns are texts. */
async function rows(
  client: pg.Client,
  sql: string,
  values: readonly string[] = [],
): Promise<Readonly<Record<string, string | null>>[]> {
  return (await client.query<Readonly<Record<string, string | null>>>(sql, [...values])).rows;
}
