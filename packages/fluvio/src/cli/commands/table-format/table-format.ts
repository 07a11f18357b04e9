import type { MetadataOf } from "../../../protocol/index.ts";
import { arg, type Command, command, type OptionTable, value } from "../../command.ts";
import { readUserFile } from "../../files.ts";
import { outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { nonEmpty } from "../../values.ts";

type TableFormat = MetadataOf<"TableFormat">;

const createOptions = {
  config: value({
    long: "config",
    short: "c",
    value: "path",
    summary: "File with the table format (YAML)",
    parse: nonEmpty,
  }),
} satisfies OptionTable;

const tableFormatCreate = command({
  noun: "table-format",
  verb: "create",
  summary: "Store a table format",
  options: createOptions,
  check: ({ config }) =>
    config === undefined ? "the following required arguments were not provided:\n  --config <path>" : undefined,
  run: async ({ config = "" }, io) => {
    const { parseTableFormat } = await import("./file.ts");
    const spec = await parseTableFormat(new TextDecoder().decode(await readUserFile(io, config)), config);
    const client = await io.connect();
    await client.admin().createTableFormat(spec, { signal: io.signal });
    io.stdout.print(`tableformat "${spec.name}" created`);
    return 0;
  },
});

const tableFormatList = command({
  noun: "table-format",
  verb: "list",
  summary: "List the stored table formats",
  options: { output: outputOption },
  run: async ({ output }, io) => {
    const client = await io.connect();
    const formats = await client.admin().listTableFormats([], { signal: io.signal });
    printListing(io.stdout, {
      format: output,
      plural: "tableFormats",
      objects: formats.map(tableFormatObject),
      empty: "no tableformats",
      table: () =>
        renderTable(
          ["NAME", "STATUS"],
          formats.map(({ name, status }) => [name, capitalised(status.resolution)]),
          { align: ["right", "right"] },
        ),
    });
    return 0;
  },
});

const tableFormatDelete = command({
  noun: "table-format",
  verb: "delete",
  summary: "Delete a table format",
  args: { name: arg({ name: "name", summary: "Name of the table format" }) },
  run: async ({ name }, io) => {
    const client = await io.connect();
    await client.admin().deleteTableFormat(name, { signal: io.signal });
    return 0;
  },
});

export const tableFormatCommands: readonly Command[] = [tableFormatCreate, tableFormatList, tableFormatDelete];

function tableFormatObject({ name, spec, status }: TableFormat): Record<string, unknown> {
  return {
    name,
    spec: {
      name: spec.name,
      inputFormat: spec.inputFormat?.toUpperCase(),
      columns: spec.columns,
      smartmodule: spec.smartmodule,
    },
    status: { resolution: capitalised(status.resolution), reason: status.reason },
  };
}

function capitalised(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
