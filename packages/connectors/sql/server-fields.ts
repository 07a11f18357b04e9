import { field } from "fluvio/connector";
import { tlsServerFields } from "../shared/sql/address.ts";

/** Options of every sink that writes to a database server. */
export const serverFields = {
  ...tlsServerFields,
  timeout: field.duration({ doc: "longest time for one transaction", default: "60s", minMs: 1 }),
  "connect-timeout": field.duration({ doc: "longest wait for a connection", default: "15s", minMs: 1 }),
};
