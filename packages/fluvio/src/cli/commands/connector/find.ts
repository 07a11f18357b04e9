import type { FluvioAdmin } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { nearest } from "../../suggest.ts";

/** Loaded only here: the connector layer would slow down the start of every other command. */
export const connectorLayer = () => import("../../../connector/index.ts");

/** The connector of this name. @throws FLV_CONNECTOR_NOT_FOUND with the nearest one */
export function existingConnector(admin: FluvioAdmin, name: string) {
  return findConnector(admin, name, (hint) =>
    flvError("FLV_CONNECTOR_NOT_FOUND", `Connector not found: ${name}`, { details: { name }, hint }),
  );
}

/** The connector of this name. @throws what `missing` makes of a hint that names the nearest one */
export async function findConnector(admin: FluvioAdmin, name: string, missing: (hint: string) => Error) {
  const all = await admin.listConnectors();
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const similar = nearest(
    name,
    all.map((one) => one.name),
  );
  throw missing(similar === undefined ? "see them with `fluvio connector list`" : `did you mean "${similar}"?`);
}
