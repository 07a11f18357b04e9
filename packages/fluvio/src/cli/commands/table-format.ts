import { z } from "zod";
import { flvError, type MetadataOf, type TableFormatSpecInput } from "../../protocol/index.ts";
import { arg, command, type Noun, type OptionTable, value } from "../command.ts";
import { parseYamlText, readUserFile } from "../files.ts";
import { outputOption, printListing } from "../output/format.ts";
import { renderTable } from "../output/table.ts";
import { nonEmpty } from "../values.ts";

type TableFormat = MetadataOf<"TableFormat">;

const lowerCase = (given: unknown) => (typeof given === "string" ? given.toLowerCase() : given);
const color = z.preprocess(lowerCase, z.enum(["blue", "yellow", "green"]));

// Not strict: files written for other versions carry keys that have no meaning here.
const TableFormatFile = z.object({
  name: z.string(),
  input_format: z.preprocess(lowerCase, z.enum(["json"])).optional(),
  smartmodule: z.string().optional(),
  columns: z
    .array(
      z.object({
        keyPath: z.string(),
        headerLabel: z.string().optional(),
        width: z.coerce.string().optional(),
        alignment: z.preprocess(lowerCase, z.enum(["left", "right", "center"])).optional(),
        format: z.string().optional(),
        display: z.boolean().optional(),
        primaryKey: z.boolean().optional(),
        headerBgColor: color.optional(),
        headerTextColor: color.optional(),
      }),
    )
    .optional(),
});

/** @throws FLV_ARGUMENT naming the offending key */
export function parseTableFormat(text: string, path: string): TableFormatSpecInput {
  const parsed = TableFormatFile.safeParse(parseYamlText(text, path));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = issue?.path.join(".") ?? "";
    throw flvError(
      "FLV_ARGUMENT",
      `Invalid table format "${path}"${key === "" ? "" : ` at ${key}`}: ${issue?.message ?? ""}`,
      {
        details: { file: path, key },
      },
    );
  }
  const { input_format: inputFormat, ...rest } = parsed.data;
  return { ...rest, inputFormat };
}

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
    const spec = parseTableFormat(new TextDecoder().decode(await readUserFile(io, config)), config);
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

export const tableFormat: Noun = {
  name: "table-format",
  aliases: ["tf"],
  summary: "Manage column layouts of full-screen tables",
  commands: [tableFormatCreate, tableFormatList, tableFormatDelete],
};

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
