import { defineSource, field } from "fluvio/connector";
import { z } from "zod";
import { absoluteTlsFiles, tlsOptionsOf, tlsServerFields } from "../shared/sql/address.ts";
import { keptState } from "./state.ts";

const config = z.object({
  url: field.url(["postgres", "postgresql"], {
    doc: "the database, `postgres://user:password@host:5432/database`",
    secret: "FLUVIO_PG_DATABASE_URL",
    absolute: absoluteTlsFiles,
    isSecret: false,
  }),
  ...tlsServerFields,
  publication: field.text({
    doc: "publication whose tables are read; it is made, for all tables, when it is missing",
    secret: "FLUVIO_PG_PUBLICATION",
    isSecret: false,
  }),
  slot: field.parsed("a name of a-z, 0-9 and _", (text) => (/^[a-z0-9_]{1,63}$/.test(text) ? text : undefined), {
    doc: "replication slot, one for each connector; it is made when it is missing",
    kind: "text",
    secret: "FLUVIO_PG_SLOT",
    isSecret: false,
  }),
  tables: field.optionalTexts({
    doc: "tables of a publication that is made, `schema.table`; by default all",
    aliases: ["table"],
  }),
  skip_setup: field.flag({ doc: "makes neither publication nor slot", default: "false" }),
  snapshot: field.oneOf(["initial", "never"], {
    doc: "`initial`: a slot that is made begins with the rows that are there",
    default: "initial",
  }),
  format: field.oneOf(["messages", "changes"], {
    doc: "`messages`: each message of the replication is a record; `changes`: each change of a row",
    default: "messages",
  }),
  "on-lost-slot": field.oneOf(["stop", "snapshot"], {
    doc: "when changes are lost because the slot is gone: the connector ends, or reads all rows again",
    default: "stop",
  }),
  resume_timeout: field.optionalText({
    doc: "accepted for files of the first connector, without effect: the cluster keeps the position",
    secret: "FLUVIO_PG_RESUME_TIMEOUT",
    isSecret: false,
  }),
});

/** Reads the rows of a database and their changes. */
export const connector = defineSource({
  name: "postgres",
  version: "0.4.0",
  summary: "Reads the rows of a PostgreSQL database and their changes",
  lagUnit: "bytes",
  config,
  run: async (context) => {
    const { config: own, name } = context;
    // The driver is only needed by a connector that runs.
    const { Changes } = await import("./changes.ts");
    const changes = new Changes(
      context,
      {
        url: own.url,
        tls: tlsOptionsOf(own),
        shown: `${own.url.host}${own.url.pathname}`,
        name,
        publication: own.publication,
        slot: own.slot,
        tables: own.tables,
        skipSetup: own.skip_setup,
        snapshot: own.snapshot,
        onLostSlot: own["on-lost-slot"],
        format: own.format,
      },
      keptState(context.position),
    );
    await changes.run();
  },
});
