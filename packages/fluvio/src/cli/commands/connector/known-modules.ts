import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ConnectorConfig } from "../../../connector/index.ts";
import { flag } from "../../command.ts";
import type { Io } from "../../io.ts";
import { sentence } from "../../report.ts";
import { nearest } from "../../suggest.ts";
import { connectorLayer } from "./find.ts";

/** Of commands that only store the file: the module may come later, or lie on another machine. */
export const forceOption = flag({
  long: "force",
  summary: "Do it even if a SmartModule that the file names is not there yet",
});

/**
 * Refuses a file that names a SmartModule that is neither a file here nor stored in the cluster: the connector would fail
 * whenever it starts.
 * @param file as the user named it
 * @param remedy what to do when it is right as it is
 * @throws FLV_CONNECTOR_INVALID with the key and the nearest name
 */
export async function refuseUnknownModules(
  config: ConnectorConfig,
  { file, remedy }: { readonly file: string; readonly remedy?: string },
  io: Io,
): Promise<void> {
  const { configProblem, namedModules } = await connectorLayer();
  for (const { uses, mayBePath, key } of namedModules(config)) {
    if (mayBePath && (await isFile(resolve(io.cwd, uses)))) continue;
    const isPath = mayBePath && /^\.{0,2}\/|\.wasm$/.test(uses);
    const admin = (await io.connect()).admin();
    if (!isPath && (await admin.listSmartModules([uses], { summary: true, signal: io.signal })).length > 0) continue;
    const reason = isPath ? `there is no SmartModule file ${uses}` : `SmartModule not found: ${uses}`;
    const hint = isPath ? "Paths begin in the folder of the file" : await howToGet(uses, io);
    const whole = remedy === undefined ? hint : `${sentence(hint)} ${remedy}`;
    throw configProblem({ file }, reason, whole, { key, smartmodule: uses });
  }
}

/** How a module comes into the cluster that is not there: from the library of this installation, or from a file. */
async function howToGet(uses: string, io: Io): Promise<string> {
  const [{ officialModules }, { packageId }] = await Promise.all([
    import("../../../smdk/index.ts"),
    import("../smartmodule/register.ts"),
  ]);
  const library = (await officialModules()).map(({ name, metadata }) => ({ name, id: packageId(metadata) }));
  const offered = library.find(({ name, id }) => uses === name || uses === id);
  if (offered !== undefined) return `Register it with \`fluvio smartmodule install ${offered.name}\``;
  const stored = await (await io.connect()).admin().listSmartModules([], { summary: true, signal: io.signal });
  const names = stored.map(({ name, spec: { meta } }) => (meta === undefined ? name : packageId(meta)));
  const guess = nearest(uses, names);
  if (guess !== undefined) return `Did you mean \`${guess}\`?`;
  // Of another group or version, or a slip.
  const bare = uses.replace(/^.*\//, "").replace(/@.*$/, "");
  const alike = library.find(
    ({ name }) =>
      name ===
      (nearest(
        bare,
        library.map((one) => one.name),
      ) ?? bare),
  );
  if (alike !== undefined) {
    return `Did you mean \`${alike.id}\`? Register it with \`fluvio smartmodule install ${alike.name}\``;
  }
  return `Register it first: \`fluvio smartmodule create ${bare} --wasm-file FILE\``;
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ?? false;
}
