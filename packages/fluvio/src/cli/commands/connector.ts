import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { FluvioAdmin } from "../../client/index.ts";
import type { ConnectorConfig } from "../../connector/index.ts";
import { flvError } from "../../protocol/index.ts";
import { arg, args, type Command, command, flag, value } from "../command.ts";
import { outputOption, printListing } from "../output/format.ts";
import { renderTable } from "../output/table.ts";
import { errorLine } from "../report.ts";
import { nearest } from "../suggest.ts";
import { nonEmpty } from "../values.ts";

const fileOptions = {
  config: value({
    long: "config",
    short: "c",
    value: "FILE",
    summary: "Connector file, such as connect.yml",
    parse: nonEmpty,
  }),
  secrets: value({
    long: "secrets",
    short: "s",
    value: "FILE",
    summary: "File of KEY=VALUE lines with the values of the secrets; default: the environment",
    parse: nonEmpty,
  }),
};

const needsConfig = (input: { readonly config: string | undefined }): string | undefined =>
  input.config === undefined ? "the following required arguments were not provided:\n  --config <FILE>" : undefined;

const create = command({
  noun: "connector",
  verb: "create",
  summary: "Create a connector that the cluster runs",
  description:
    "Creates a connector from a file and starts it in the cluster. Its topic is created with one partition if it does not exist. " +
    "A mistake in the file is reported with line, key and the nearest valid name, and nothing is created.",
  options: fileOptions,
  examples: [{ command: "fluvio connector create --config=./connect.yml" }],
  check: needsConfig,
  run: async (input, io) => {
    const { readConnectorFile } = await import("../connector-file.ts");
    const { name, bytes } = await readConnectorFile(io, input.config ?? "", input.secrets, false);
    const admin = (await io.connect()).admin();
    await admin.createConnector(name, bytes, { signal: io.signal });
    const reason = await firstFailure(admin, name, io.signal);
    if (reason !== undefined) {
      io.stderr.print(`connector "${name}" is created, but does not run yet: ${reason}`);
      io.stderr.print(`It is tried again; see \`fluvio connector logs ${name}\``);
    }
    return 0;
  },
});

/** How long `create` watches a new connector: long enough to start one, and it goes on without us in any case. */
const FIRST_STATUS_TIMEOUT_MS = 5000;

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

const update = command({
  noun: "connector",
  verb: "update",
  summary: "Replace the configuration of a connector and restart it",
  options: fileOptions,
  examples: [{ command: "fluvio connector update --config=./connect.yml" }],
  check: needsConfig,
  run: async (input, io) => {
    const { readConnectorFile } = await import("../connector-file.ts");
    const { name, bytes } = await readConnectorFile(io, input.config ?? "", input.secrets, true);
    const admin = (await io.connect()).admin();
    await find(admin, name, (hint) =>
      flvError("FLV_CONNECTOR_NOT_FOUND", `Invalid connector: ${name} - does not exist.`, { details: { name }, hint }),
    );
    await admin.updateConnector(name, bytes, { signal: io.signal });
    return 0;
  },
});

/** As the seeds show it: begins with one blank, and the cells with another. */
const SEED_INDENT = { indent: 0 };

const STATUS_WORDS = {
  initializing: "Init",
  invalid: "Invalid",
  pending: "Pending",
  running: "Running",
  failed: "Failed",
  stopped: "Stopped",
} as const;

const list = command({
  noun: "connector",
  verb: "list",
  summary: "List the connectors of the cluster",
  options: {
    output: outputOption,
    wide: flag({
      long: "wide",
      summary: "Also show type, version, topic, process, restarts and the reason of a failure",
    }),
  },
  run: async (input, io) => {
    const { decodeConfig } = await connectorLayer();
    const found = await (await io.connect()).admin().listConnectors([], { signal: io.signal });
    const connectors = found.map(({ name, spec, status }) => ({ name, config: decodeConfig(spec.config), status }));
    printListing(io.stdout, {
      format: input.output,
      plural: "connectors",
      empty: "no managed connectors",
      objects: connectors.map(({ name, config, status }) => ({
        name,
        type: config.type,
        version: config.version,
        topic: config.topic,
        status: STATUS_WORDS[status.resolution],
        reason: status.reason,
        processId: status.processId,
        restarts: status.restarts,
      })),
      table: () =>
        input.wide
          ? renderTable(
              ["NAME", "TYPE", "VERSION", "TOPIC", "STATUS", "PID", "RESTARTS", "REASON"],
              connectors.map(({ name, config, status }) => [
                name,
                config.type,
                config.version,
                config.topic,
                STATUS_WORDS[status.resolution],
                String(status.processId ?? "-"),
                String(status.restarts),
                status.reason,
              ]),
              SEED_INDENT,
            )
          : renderTable(
              ["NAME", "STATUS"],
              connectors.map(({ name, status }) => [name, statusCell(status)]),
              SEED_INDENT,
            ),
    });
    return 0;
  },
});

/** A failure without its reason would only raise the question; a sink that runs has one while its target is away. */
function statusCell(status: { readonly resolution: keyof typeof STATUS_WORDS; readonly reason: string }): string {
  const word = STATUS_WORDS[status.resolution];
  const tellsReason = status.resolution !== "stopped" && status.reason !== "";
  return tellsReason ? `${word} (${status.reason})` : word;
}

const describe = command({
  noun: "connector",
  verb: "describe",
  summary: "Show the configuration of a connector",
  args: { name: arg({ name: "NAME", summary: "Name of the connector" }) },
  run: async (input, io) => {
    const { describeConfig } = await connectorLayer();
    await io.stdout.write(describeConfig(await storedConfig((await io.connect()).admin(), input.name)));
    return 0;
  },
});

const config = command({
  noun: "connector",
  verb: "config",
  summary: "Print the configuration of a connector, or write it to a file",
  args: { name: arg({ name: "NAME", summary: "Name of the connector" }) },
  options: {
    outFile: value({ long: "out-file", short: "o", value: "FILE", summary: "Where to write it", parse: nonEmpty }),
  },
  run: async (input, io) => {
    const { describeConfig } = await connectorLayer();
    const yaml = describeConfig(await storedConfig((await io.connect()).admin(), input.name));
    if (input.outFile === undefined) {
      await io.stdout.write(yaml);
      return 0;
    }
    try {
      await writeFile(resolve(io.cwd, input.outFile), yaml);
    } catch (cause) {
      throw flvError("FLV_FILE", `cannot write "${input.outFile}": ${(cause as Error).message}`, { cause });
    }
    return 0;
  },
});

const logs = command({
  noun: "connector",
  verb: "logs",
  aliases: ["log"],
  summary: "Print the log of a connector",
  args: { name: arg({ name: "NAME", summary: "Name of the connector" }) },
  options: { follow: flag({ long: "follow", short: "f", summary: "Go on as lines are added, until Ctrl-C" }) },
  run: async (input, io) => {
    const admin = (await io.connect()).admin();
    await find(admin, input.name, (hint) =>
      flvError("FLV_CONNECTOR_NOT_FOUND", `Connector ${input.name} does not exist`, {
        details: { name: input.name },
        hint,
      }),
    );
    try {
      for await (const chunk of admin.connectorLogs(input.name, { follow: input.follow, signal: io.signal })) {
        await io.stdout.write(chunk);
      }
    } catch (error) {
      // Ctrl-C is how following ends.
      if (!io.signal.aborted) throw error;
    }
    return 0;
  },
});

const remove = command({
  noun: "connector",
  verb: "delete",
  summary: "Stop connectors and delete them; their topics stay",
  args: { names: args({ name: "NAME", summary: "Names of the connectors" }) },
  options: {
    continueOnError: flag({ long: "continue-on-error", short: "c", summary: "Go on with the next when one fails" }),
  },
  run: async (input, io) => {
    const admin = (await io.connect()).admin();
    let failed = false;
    for (const name of input.names) {
      try {
        await find(admin, name, (hint) =>
          flvError("FLV_CONNECTOR_NOT_FOUND", `Connector not found: ${name}`, { details: { name }, hint }),
        );
        await admin.deleteConnector(name, { signal: io.signal });
      } catch (error) {
        if (!input.continueOnError) throw error;
        io.stderr.print(`connector "${name}" delete failed with: ${errorLine(error)}`);
        failed = true;
      }
    }
    if (!failed) return 0;
    io.stderr.print("Failed deleting connector(s). Check previous errors.");
    return 1;
  },
});

/** Loaded only here: the connector layer would slow down the start of every other command. */
const connectorLayer = () => import("../../connector/index.ts");

async function storedConfig(admin: FluvioAdmin, name: string): Promise<ConnectorConfig> {
  const found = await find(admin, name, (hint) =>
    flvError("FLV_CONNECTOR_NOT_FOUND", `Connector not found: ${name}`, { details: { name }, hint }),
  );
  return (await connectorLayer()).decodeConfig(found.spec.config);
}

/** The connector of this name. @throws what `missing` makes of a hint that names the nearest one */
async function find(admin: FluvioAdmin, name: string, missing: (hint: string) => Error) {
  const all = await admin.listConnectors();
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const similar = nearest(
    name,
    all.map((one) => one.name),
  );
  throw missing(similar === undefined ? "see them with `fluvio connector list`" : `did you mean "${similar}"?`);
}

export const connectorCommands: readonly Command[] = [create, update, list, describe, config, logs, remove];
