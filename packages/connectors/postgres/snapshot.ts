import pg from "pg";
import { type Column, IDENTITIES, type Relation } from "./pgoutput.ts";

/** Rows that are asked for at once. */
const FETCH_ROWS = 1000;
const COLUMN_LISTS_SINCE = 150_000;
const PARTITIONED = "p";
/** Values as the server writes them, as in the stream of changes. */
const AS_TEXT = { getTypeParser: () => (text: string) => text };

interface PublishedTable {
  readonly relation: Relation;
  /** `FROM` and `WHERE` of its rows. */
  readonly source: string;
}

/** What takes the rows. */
export interface SnapshotTarget {
  table(relation: Relation): Promise<void>;
  row(relation: Relation, tuple: readonly (string | null)[]): Promise<void>;
}

/**
 * Hands over the rows of all tables of a publication as they were at the snapshot, a table after the other, each after its
 * description.
 * @param snapshot which {@link createSlot} gave
 */
export async function readSnapshot(
  client: pg.Client,
  publication: string,
  snapshot: string,
  target: SnapshotTarget,
  signal: AbortSignal,
): Promise<{ readonly tables: number; readonly rows: number }> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  await client.query(`SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(snapshot)}`);
  const tables = await publishedTables(client, publication);
  let rows = 0;
  for (const { relation, source } of tables) {
    await target.table(relation);
    const columns = relation.columns.map(({ name }) => pg.escapeIdentifier(name)).join(", ");
    await client.query(`DECLARE fluvio_rows NO SCROLL CURSOR FOR SELECT ${columns} FROM ${source}`);
    for (;;) {
      signal.throwIfAborted();
      const some = await client.query<(string | null)[]>({
        text: `FETCH ${FETCH_ROWS} FROM fluvio_rows`,
        rowMode: "array",
        types: AS_TEXT,
      });
      for (const tuple of some.rows) await target.row(relation, tuple);
      rows += some.rows.length;
      if (some.rows.length < FETCH_ROWS) break;
    }
    await client.query("CLOSE fluvio_rows");
  }
  await client.query("COMMIT");
  return { tables: tables.length, rows };
}

interface TableRow {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly kind: string;
  readonly identity: string;
  readonly filter: string | null;
  readonly columns: readonly {
    readonly name: string;
    readonly type: number;
    readonly modifier: number;
    readonly is_key: boolean;
  }[];
}

async function publishedTables(client: pg.Client, publication: string): Promise<PublishedTable[]> {
  const version = await client.query<{ readonly number: string }>(
    "SELECT current_setting('server_version_num') AS number",
  );
  const hasLists = Number(version.rows[0]?.number) >= COLUMN_LISTS_SINCE;
  // Columns and marks as `pgoutput` has them: without generated ones, marked when they are of the replica identity.
  const found = await client.query<TableRow>(
    `SELECT c.oid::int8::text AS id, n.nspname AS namespace, c.relname AS name, c.relkind AS kind,
            c.relreplident AS identity, ${hasLists ? "t.rowfilter" : "NULL"} AS filter,
            (SELECT json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod,
                    'is_key', c.relreplident = 'f' OR EXISTS (
                      SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
                         AND (c.relreplident = 'd' AND i.indisprimary OR c.relreplident = 'i' AND i.indisreplident)))
                    ORDER BY a.attnum)
               FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                    ${hasLists ? "AND a.attname = ANY (t.attnames)" : ""}) AS columns
       FROM pg_publication_tables t
       JOIN pg_namespace n ON n.nspname = t.schemaname
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
      WHERE t.pubname = $1 ORDER BY 2, 3`,
    [publication],
  );
  return found.rows.map((row) => ({ relation: relationOf(row), source: sourceOf(row) }));
}

function relationOf({ id, namespace, name, identity, columns }: TableRow): Relation {
  return {
    type: "relation",
    id: Number(id),
    namespace,
    name,
    replicaIdentity: IDENTITIES[identity] ?? "Default",
    columns: (columns ?? []).map(
      (column): Column => ({
        flags: column.is_key ? 1 : 0,
        name: column.name,
        typeId: column.type,
        typeModifier: column.modifier,
      }),
    ),
  };
}

function sourceOf({ namespace, name, kind, filter }: TableRow): string {
  const table = `${pg.escapeIdentifier(namespace)}.${pg.escapeIdentifier(name)}`;
  // Tables that inherit are published by themselves.
  const rows = kind === PARTITIONED ? table : `ONLY ${table}`;
  return filter === null ? rows : `${rows} WHERE ${filter}`;
}
