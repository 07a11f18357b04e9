import { type Command, command } from "../command.ts";
import { listPlugins, pluginMetadata } from "../plugins.ts";
import { productVersion } from "./version.ts";

/** The commands that the original lists here. */
const LISTED = ["topic", "partition", "produce", "consume"];

const metadata = command({
  noun: "metadata",
  summary: "Print what this program and its plugins can do, as JSON",
  hidden: true,
  run: async (_input, io) => {
    const version = await productVersion();
    const own = LISTED.map((name) => ({
      title: name,
      package: `fluvio/${name}`,
      description: io.program.nouns.find((noun) => noun.name === name)?.summary ?? "",
      version,
    }));
    const plugins = await Promise.all((await listPlugins(io)).map((plugin) => pluginMetadata(io, plugin)));
    io.stdout.print(JSON.stringify([...own, ...plugins.filter((one) => one !== undefined)], null, 2));
    return 0;
  },
});

export const metadataCommands: readonly Command[] = [metadata];
