/**
 * Writes docs/PROTOCOL.md from the declarations of the protocol layer.
 * `npx tsx scripts/protocol-doc.ts` writes it; with `--check` it only fails when the file is stale.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as protocol from "../packages/fluvio/src/protocol/index.ts";

type AnyCodec = protocol.schema.AnyCodec;

interface AnyApi {
  readonly name: string;
  readonly key: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly fallbackVersion?: number;
  readonly request: AnyCodec;
  readonly response: AnyCodec;
}

const ROOT = resolve(import.meta.dirname, "..");
const SOURCE = resolve(ROOT, "packages/fluvio/src/protocol");
const TARGET = resolve(ROOT, "docs/PROTOCOL.md");
const TEMPLATE = resolve(ROOT, "scripts/protocol-doc.template.md");

const OBJECT_LABELS: ReadonlyMap<AnyCodec, string> = new Map(
  Object.entries(protocol.OBJECTS).map(([label, codec]) => [codec, label]),
);

/** Comments of the source, by the exported name or `Name.field` that they stand above. */
type Comments = ReadonlyMap<string, string>;

function isCodec(value: unknown): value is AnyCodec {
  return typeof value === "object" && value !== null && "shape" in value;
}

function isApi(value: unknown): value is AnyApi {
  return typeof value === "object" && value !== null && "request" in value && "key" in value;
}

function readComments(): Comments {
  const comments = new Map<string, string>();
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts")).sort()) {
    let owner = "";
    let comment = "";
    const lines = readFileSync(resolve(SOURCE, file), "utf8").split("\n");
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] as string;
      const start = /^(\s*)\/\*\*/.exec(line);
      if (start !== null) {
        const from = i;
        while (!(lines[i] as string).includes("*/")) i++;
        comment = plainComment(lines.slice(from, i + 1).join("\n"));
        continue;
      }
      const declared = /^(?:export )?(?:const|function) (\w+)/.exec(line);
      if (declared !== null) owner = declared[1] as string;
      const field = /^ {2,4}(\w+): /.exec(line);
      if (comment !== "" && declared !== null) comments.set(owner, comment);
      if (comment !== "" && declared === null && field !== null) comments.set(`${owner}.${field[1]}`, comment);
      comment = "";
    }
  }
  return comments;
}

/** A comment as one paragraph of Markdown, without its tags and links. */
function plainComment(comment: string): string {
  return comment
    .replace(/^\s*\/\*\*|\*\/\s*$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, ""))
    .join(" ")
    .replace(/@(param|returns|throws).*$/s, "")
    .replace(/\{@link (\w+)\}/g, "`$1`")
    .replace(/\s+/g, " ")
    .trim();
}

class ProtocolPage {
  private readonly comments = readComments();
  private readonly names = new Map<AnyCodec, string>();
  private readonly pending: AnyCodec[] = [];
  private readonly enumerations = new Map<string, readonly string[]>();

  constructor() {
    for (const [name, value] of Object.entries(protocol)) if (isCodec(value)) this.names.set(value, name);
  }

  /** The type of a field; types with a section of their own become links. */
  type(codec: AnyCodec): string {
    const { shape } = codec;
    const name = this.names.get(codec);
    const object = OBJECT_LABELS.get(codec);
    if (object !== undefined) return `[Metadata](#objects) of ${object}`;
    switch (shape.kind) {
      case "integer":
      case "bytes":
        return `\`${shape.name}\``;
      case "bool":
        return "`bool`";
      case "string":
        return "`str`";
      case "enumeration":
        this.enumerations.set(shape.name, shape.values);
        return `[${shape.name}](#enumerations)`;
      case "optional":
        return `opt<${this.type(shape.inner)}>`;
      case "array":
        return `vec<${this.type(shape.inner)}>`;
      case "map":
        return `map<${this.type(shape.key)}, ${this.type(shape.value)}>`;
      case "versioned":
        return `${this.type(shape.inner)} (${versions(shape.from, shape.to)})`;
      case "special":
        return shape.name === "ErrorCode" ? "[ErrorCode](#error-codes)" : this.link(codec, shape.name);
      case "union":
      case "labelled":
        return this.link(codec, name ?? shape.name);
      case "struct":
        if (name !== undefined) return this.link(codec, name);
        return shape.fields.length === 0 ? "–" : `{ ${this.inline(shape.fields)} }`;
    }
  }

  private inline(fields: readonly (readonly [string, AnyCodec])[]): string {
    return fields.map(([name, field]) => `${name}: ${this.type(field)}`).join(", ");
  }

  private link(codec: AnyCodec, name: string): string {
    if (!this.names.has(codec)) this.names.set(codec, name);
    if (!this.pending.includes(codec)) this.pending.push(codec);
    return `[${name}](#${name.toLowerCase()})`;
  }

  /** The content of a type: a table of its fields, or of its variants. */
  body(codec: AnyCodec): string {
    const { shape } = codec;
    if (shape.kind === "special") return `${shape.text}\n`;
    if (shape.kind === "union") {
      const rows = shape.variants.map(({ type, tag, content }) => [String(tag), `\`${type}\``, this.content(content)]);
      return table(["tag", "variant", "fields"], rows);
    }
    if (shape.kind === "labelled") {
      const labels = new Map<string, string[]>();
      for (const [label, body] of Object.entries(shape.bodies)) {
        const content = this.content(body);
        labels.set(content, [...(labels.get(content) ?? []), `\`${label}\``]);
      }
      const rows = [...labels].map(([content, names]) => [names.join(", "), content]);
      return `By label (${"`str`, `u32` length of the body, body"}):\n\n${table(["label", "body"], rows)}`;
    }
    if (shape.kind !== "struct") return `${this.type(codec)}\n`;
    if (shape.fields.length === 0) return "No bytes.\n";
    const owner = this.names.get(codec) ?? "";
    const rows = shape.fields.map(([name, field]) => [
      `\`${name}\``,
      this.type(field),
      this.comments.get(`${owner}.${name}`) ?? "",
    ]);
    return table(["field", "type", ""], rows);
  }

  private content(codec: AnyCodec): string {
    const { shape } = codec;
    if (shape.kind === "struct" && !this.names.has(codec)) return this.inline(shape.fields) || "–";
    return this.type(codec);
  }

  apis(folder: "sc" | "spu"): string {
    const declared = readdirSync(resolve(SOURCE, "apis", folder)).flatMap((file) => {
      const text = readFileSync(resolve(SOURCE, "apis", folder, file), "utf8");
      return [...text.matchAll(/^export const (\w+Api) = api/gm)].map((match) => match[1] as string);
    });
    const apis = ["apiVersionsApi", ...declared].map((name) => {
      const value: unknown = (protocol as Readonly<Record<string, unknown>>)[name];
      if (!isApi(value)) throw new Error(`${name} is not exported by the protocol layer`);
      return { name, api: value };
    });
    return apis
      .sort((a, b) => a.api.key - b.api.key)
      .filter(({ api }) => folder === "sc" || api.key !== protocol.apiVersionsApi.key)
      .map(({ name, api }) => this.api(name, api))
      .join("\n");
  }

  private api(name: string, api: AnyApi): string {
    const comment = this.comments.get(name);
    const fallback =
      api.fallbackVersion === undefined ? "" : `; sent as ${api.fallbackVersion} when the key is not listed`;
    return [
      `### ${api.name} (key ${api.key})`,
      `Versions ${api.minVersion} to ${api.maxVersion}${fallback}.${comment === undefined ? "" : ` ${comment}`}`,
      `**Request**\n\n${this.body(api.request)}`,
      `**Answer**\n\n${this.body(api.response)}`,
    ].join("\n\n");
  }

  /** Sections of every type that a page so far, or another section, links to. */
  types(): string {
    const sections = new Map<string, string>();
    for (let i = 0; i < this.pending.length; i++) {
      const codec = this.pending[i] as AnyCodec;
      const name = this.names.get(codec) as string;
      const comment = this.comments.get(name);
      sections.set(name, `### ${name}\n\n${comment === undefined ? "" : `${comment}\n\n`}${this.body(codec)}`);
    }
    return [...sections.keys()]
      .sort()
      .map((name) => sections.get(name))
      .join("\n");
  }

  enumerationTable(): string {
    const rows = [...this.enumerations.keys()]
      .sort()
      .map((name) => [name, (this.enumerations.get(name) ?? []).map((value, tag) => `${tag} ${value}`).join(", ")]);
    return table(["name", "values"], rows);
  }

  objects(): string {
    const rows = Object.entries(protocol.OBJECTS).map(([label, { shape }]) => {
      const fields = shape.kind === "struct" ? shape.fields : [];
      return [`\`${label}\``, ...fields.slice(1).map(([, field]) => this.type(field))];
    });
    return table(["label", "spec", "status"], rows);
  }

  errors(): string {
    const rows = Object.entries(protocol.WIRE_ERRORS).map(([name, row]) => {
      const { payload, code, retriable } = row;
      const hint = "hint" in row ? row.hint : "";
      return [String(row.number), name, this.content(payload), `\`${code}\``, retriable ? "yes" : "", hint ?? ""];
    });
    return table(["number", "name", "payload", "code in our API", "retriable", "hint"], rows);
  }
}

function versions(from: number, to: number): string {
  return to === Number.POSITIVE_INFINITY ? `≥${from}` : `${from}–${to}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}

function versionTables(): string {
  const rows = (entries: readonly protocol.ApiVersionEntry[], server: string) =>
    entries.map(({ apiKey, minVersion, maxVersion }) => [server, String(apiKey), `${minVersion} to ${maxVersion}`]);
  return table(
    ["listed by", "key", "versions"],
    [...rows(protocol.SC_API_VERSIONS, "SC"), ...rows(protocol.SPU_API_VERSIONS, "SPU")],
  );
}

/** The whole page. */
export function renderProtocolDoc(): string {
  const page = new ProtocolPage();
  // types and enumerations come last: the other parts say which are needed
  const parts = new Map([
    ["versions", versionTables()],
    ["sc", page.apis("sc")],
    ["spu", page.apis("spu")],
    ["objects", page.objects()],
    ["errors", page.errors()],
    ["batch", page.body(protocol.BatchHeaderLayout)],
    ["record", page.body(protocol.RecordBodyLayout)],
  ]);
  page.type(protocol.RequestHeader);
  parts.set("types", page.types());
  parts.set("enumerations", page.enumerationTable());
  return readFileSync(TEMPLATE, "utf8")
    .replace(/<!-- generated: (\w+) -->/g, (_match, name: string) => {
      const part = parts.get(name);
      if (part === undefined) throw new Error(`the template asks for an unknown part "${name}"`);
      return part.trimEnd();
    })
    .replace(/\n{3,}/g, "\n\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = renderProtocolDoc();
  if (!process.argv.includes("--check")) {
    writeFileSync(TARGET, page);
  } else if (readFileSync(TARGET, "utf8") !== page) {
    process.stderr.write("docs/PROTOCOL.md is stale: run `npm run docs:protocol`\n");
    process.exitCode = 1;
  }
}
