import type { FluvioAdmin } from "../../../client/index.ts";
import { flvError, isFluvioError } from "../../../protocol/index.ts";
import { command } from "../../command.ts";
import type { Io } from "../../io.ts";
import { fileOptions, needsConfig } from "./connector-options.ts";
import { findConnector } from "./find.ts";
import { whileInstalling } from "./installing.ts";
import { forceOption, refuseUnknownModules } from "./known-modules.ts";

export const create = command({
  noun: "connector",
  verb: "create",
  summary: "Create a connector that the cluster runs",
  description:
    "Creates a connector from a file and starts it in the cluster. Its topic is created with one partition if it does not exist. " +
    "A mistake in the file is reported with line, key and the nearest valid name, and nothing is created.",
  options: { ...fileOptions, force: forceOption },
  examples: [{ command: "fluvio connector create --config=./connect.yml" }],
  check: needsConfig,
  run: async (input, io) => {
    const { readConnectorFile } = await import("../../connector-file.ts");
    const { name, bytes } = await readConnectorFile(io, input.config ?? "", {
      ...{ secretsPath: input.secrets, keepsSecrets: false },
      clusterSecrets: () => clusterSecrets(io),
      ...(input.force ? {} : { checkMore: (config) => refuseUnknownModules(config, where(input), io) }),
    });
    const admin = (await io.connect()).admin();
    await whileInstalling(bytes, io, () => admin.createConnector(name, bytes, { signal: io.signal }));
    const reason = await firstFailure(admin, name, io.signal);
    if (reason !== undefined) {
      io.stderr.print(`connector "${name}" is created, but does not run yet: ${reason}`);
      io.stderr.print(`It is tried again; see \`fluvio connector logs ${name}\``);
    }
    return 0;
  },
});

function where({ config = "" }: { readonly config: string | undefined }) {
  return {
    file: config,
    remedy: "With --force the connector is stored all the same, and fails until the module is there",
  };
}

/** None in a cluster that cannot keep any. */
async function clusterSecrets(io: Io): Promise<readonly string[]> {
  try {
    const secrets = await (await io.connect()).admin().listSecrets({ signal: io.signal });
    return secrets.map(({ name }) => name);
  } catch (error) {
    if (isFluvioError(error) && error.code === "FLV_UNSUPPORTED") return [];
    throw error;
  }
}

/** How long `create` watches a new connector: long enough to start one on a busy machine, and it goes on without us in any case. */
const FIRST_STATUS_TIMEOUT_MS = 15_000;

/** Waits until a new connector runs; gives the reason when it fails instead. */
async function firstFailure(admin: FluvioAdmin, name: string, signal: AbortSignal): Promise<string | undefined> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(FIRST_STATUS_TIMEOUT_MS)]);
  try {
    for await (const event of admin.watch("ManagedConnector", { signal: deadline })) {
      const status = event.objects.find((one) => one.name === name)?.status;
      if (status?.resolution === "running" || status?.resolution === "stopped") return undefined;
      if (status?.resolution === "failed" || status?.resolution === "invalid") return status.reason;
    }
  } catch (error) {
    if (!deadline.aborted) throw error;
    signal.throwIfAborted();
  }
  return undefined;
}

export const update = command({
  noun: "connector",
  verb: "update",
  summary: "Replace the configuration of a connector and restart it",
  options: { ...fileOptions, force: forceOption },
  examples: [{ command: "fluvio connector update --config=./connect.yml" }],
  check: needsConfig,
  run: async (input, io) => {
    const { readConnectorFile } = await import("../../connector-file.ts");
    const { name, bytes } = await readConnectorFile(io, input.config ?? "", {
      ...{ secretsPath: input.secrets, keepsSecrets: true },
      clusterSecrets: () => clusterSecrets(io),
      ...(input.force ? {} : { checkMore: (config) => refuseUnknownModules(config, where(input), io) }),
    });
    const admin = (await io.connect()).admin();
    await findConnector(admin, name, (hint) =>
      flvError("FLV_CONNECTOR_NOT_FOUND", `Invalid connector: ${name} - does not exist.`, { details: { name }, hint }),
    );
    await whileInstalling(bytes, io, () => admin.updateConnector(name, bytes, { signal: io.signal }));
    return 0;
  },
});
