import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { FluvioAdmin } from "../../../client/index.ts";
import type { ConnectorConfig } from "../../../connector/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { arg, command, flag, value } from "../../command.ts";
import { formatObject, outputOption } from "../../output/format.ts";
import { nonEmpty } from "../../values.ts";
import { connectorLayer, existingConnector } from "./find.ts";
import { progressComments, progressObject, progressOf } from "./progress.ts";
import { STATUS_WORDS } from "./status-words.ts";

export const describe = command({
  noun: "connector",
  verb: "describe",
  summary: "Show the configuration of a connector, and how far it is",
  description:
    "Prints the connector's file, secrets hidden; with --position, below it as comments, what the cluster keeps of how far " +
    "it is: of a source the position that it goes on from, of a sink the last offsets that its consumer committed.",
  args: { name: arg({ name: "NAME", summary: "Name of the connector" }) },
  options: {
    output: outputOption,
    position: flag({ long: "position", summary: "How far it is, too; -O json and the like always have it" }),
  },
  examples: [{ command: "fluvio connector describe cat-facts" }],
  run: async ({ name, output, position }, io) => {
    const { decodeConfig, describeConfig, redactSecrets } = await connectorLayer();
    const client = await io.connect();
    const { status, spec } = await existingConnector(client.admin(), name);
    const found = decodeConfig(spec.config);
    const progress = async () => await progressOf(client, found, io.signal);
    if (output === "table") {
      const comments = position ? progressComments(await progress(), io.now()) : "";
      await io.stdout.write(`${describeConfig(found)}${comments}`);
      return 0;
    }
    const { name: _name, ...shown } = redactSecrets(found);
    const { reason } = status;
    const state = { resolution: STATUS_WORDS[status.resolution], ...(reason === "" ? {} : { reason }) };
    const object = { name, spec: shown, status: { ...state, ...progressObject(await progress()) } };
    io.stdout.print(formatObject([object], output, "connectors"));
    return 0;
  },
});

export const config = command({
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

async function storedConfig(admin: FluvioAdmin, name: string): Promise<ConnectorConfig> {
  const found = await existingConnector(admin, name);
  return (await connectorLayer()).decodeConfig(found.spec.config);
}
