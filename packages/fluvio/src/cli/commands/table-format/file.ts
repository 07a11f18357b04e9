import { z } from "zod";
import { flvError, type TableFormatSpecInput } from "../../../protocol/index.ts";
import { parseYamlText } from "../../files.ts";

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
export async function parseTableFormat(text: string, path: string): Promise<TableFormatSpecInput> {
  const parsed = TableFormatFile.safeParse(await parseYamlText(text, path));
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
