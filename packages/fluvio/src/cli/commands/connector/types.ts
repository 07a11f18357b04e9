import type { ConnectorDefinition } from "../../../connector/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { command, optionalArg } from "../../command.ts";
import { outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { nearest } from "../../suggest.ts";

/** The official connectors of a type. @throws FLV_ARGUMENT with what there is */
async function connectorsOfType(type: string | undefined) {
  const { CATALOGUE, officialConnectors } = await import("../../../connector/index.ts");
  const found = await officialConnectors(type);
  if (found.length > 0) return found;
  const names = [...new Set(CATALOGUE.flatMap(({ types }) => types))];
  const similar = nearest(type ?? "", names);
  throw flvError("FLV_ARGUMENT", `No official connector has the type ${type}`, {
    details: { type },
    hint: `${similar === undefined ? "" : `Did you mean ${similar}? `}There are ${names.join(", ")}.`,
  });
}

export const types = command({
  noun: "connector",
  verb: "types",
  aliases: ["describe-type"],
  summary: "List the official connectors, or the parameters of one",
  args: { type: optionalArg({ name: "TYPE", summary: "Such as http-source; without it the connectors are listed" }) },
  options: { output: outputOption },
  examples: [{ command: "fluvio connector types" }, { command: "fluvio connector types http-sink" }],
  run: async ({ type, output }, io) => {
    const found = await connectorsOfType(type);
    if (type !== undefined) {
      for (const [index, { definition }] of found.entries()) {
        if (index > 0 && output === "table") io.stdout.print();
        await printParameters(definition, output, io.stdout);
      }
      return 0;
    }
    const objects = found.map(({ types: names, definition }) => ({
      types: names,
      direction: definition.direction,
      version: definition.version,
      description: definition.summary,
    }));
    printListing(io.stdout, {
      format: output,
      plural: "types",
      objects,
      empty: "no connectors",
      table: () =>
        renderTable(
          ["TYPE", "DIRECTION", "VERSION", "DESCRIPTION"],
          objects.map((one) => [one.types.join(", "), one.direction, one.version, one.description]),
        ),
    });
    return 0;
  },
});

async function printParameters(
  definition: ConnectorDefinition,
  format: Parameters<typeof printListing>[1]["format"],
  out: Parameters<typeof printListing>[0],
): Promise<void> {
  const { commonParameterList, parameterList } = await import("../../../connector/index.ts");
  const own = parameterList(definition);
  const common = commonParameterList(definition.direction);
  if (format === "table") {
    out.print(`${definition.name} ${definition.direction} ${definition.version}: ${definition.summary}`);
    out.print();
  }
  printListing(out, {
    format,
    plural: "parameters",
    objects: own,
    empty: "no parameters",
    table: () =>
      renderTable(
        ["PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"],
        [
          ...own.map((one) => [
            one.name,
            one.type,
            one.default ?? (one.required ? "(required)" : "-"),
            one.aliases.length === 0 ? one.description : `${one.description} (also ${one.aliases.join(", ")})`,
          ]),
          ...common.map((one) => [one.name, "", "-", one.description]),
        ],
      ),
  });
}

export const schema = command({
  noun: "connector",
  verb: "schema",
  summary: "Print the JSON Schema of connector files, for editors and checks",
  description:
    "Prints a JSON Schema (draft 2020-12) of connector files of both kinds: all official connectors, or those of one type. An " +
    "editor with a YAML language server takes it by a first line `# yaml-language-server: $schema=./connect.schema.json`.",
  args: { type: optionalArg({ name: "TYPE", summary: "Only files of this type" }) },
  examples: [{ command: "fluvio connector schema > connect.schema.json" }],
  run: async ({ type }, io) => {
    const { connectorFileSchema } = await import("../../../connector/index.ts");
    await io.stdout.write(`${JSON.stringify(connectorFileSchema(await connectorsOfType(type)), null, 2)}\n`);
    return 0;
  },
});
