import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { FluvioAdmin } from "../../../client/index.ts";
import type { ConnectorConfig } from "../../../connector/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { arg, command, value } from "../../command.ts";
import { nonEmpty } from "../../values.ts";
import { connectorLayer, existingConnector } from "./find.ts";

export const describe = command({
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
