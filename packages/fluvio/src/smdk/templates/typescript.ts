import type { ProjectFiles } from "../../npm/index.ts";
import type { Answers, GeneratedKind } from "./answers.ts";
import { exampleOf } from "./example.ts";

/** The files of a project in TypeScript syntax, besides those that every project has. */
export function typescriptFiles(answers: Answers): ProjectFiles {
  return new Map([
    ["src/index.ts", source(answers)],
    ["package.json", manifest(answers)],
    ["tsconfig.json", TSCONFIG],
    [".gitignore", "/node_modules/\n/target/\n/.hub/\n"],
  ]);
}

interface Body {
  /** Names imported from the SDK besides `SmartRecord`. */
  readonly imports: readonly string[];
  readonly signature: string;
  readonly lines: readonly string[];
  /** The parameter's variable, and the lines of `init` that set it; for the variant with a parameter. */
  readonly param: Param;
}

interface Param {
  /** Names imported from the SDK for it. */
  readonly imports: readonly string[];
  readonly type: string;
  readonly initial: string;
  lines(name: string): readonly string[];
}

const TEXT_PARAM: Param = {
  imports: [],
  type: "string",
  initial: '""',
  lines: (name) => [`${name} = params.require("${name}");`],
};
const NUMBER_PARAM: Param = {
  imports: ["Bytes", "fail"],
  type: "f64",
  initial: "1",
  lines: (name) => [
    `const text = Bytes.of(params.require("${name}"));`,
    `${name} = text.toF64();`,
    `if (isNaN(${name})) fail<void>(\`${name} is not a number: \${text.toString()}\`);`,
  ],
};
const WHOLE_PARAM: Param = {
  imports: ["Bytes", "fail"],
  type: "i64",
  initial: "1",
  lines: (name) => [
    `const text = Bytes.of(params.require("${name}"));`,
    `if (!text.isI64) return fail<void>(\`${name} is not a whole number: \${text.toString()}\`);`,
    `${name} = text.toI64();`,
  ],
};

/** The body of each kind's example; `param` is the name of the parameter's variable, or the constant it replaces. */
function body(kind: GeneratedKind, param: string | undefined): Body {
  switch (kind) {
    case "filter":
      return {
        imports: [],
        signature: "filter(record: SmartRecord): bool",
        lines: [`return record.value.includes(${param ?? '"a"'});`],
        param: TEXT_PARAM,
      };
    case "map":
      return {
        imports: [],
        signature: "map(record: SmartRecord): string",
        lines: [
          param === undefined
            ? "return record.value.toString().toUpperCase();"
            : `return ${param} + record.value.toString();`,
        ],
        param: TEXT_PARAM,
      };
    case "filter-map":
      return {
        imports: ["fail"],
        signature: "filterMap(record: SmartRecord): string | null",
        lines: [
          "const number = record.value.toF64();",
          "if (isNaN(number)) return fail<string | null>(`not a number: ${record.value.toString()}`);",
          `if (number % ${param ?? "2"} != 0) return null;`,
          `return \`\${i64(number / ${param ?? "2"})}\`;`,
        ],
        param: NUMBER_PARAM,
      };
    case "array-map":
      return {
        imports: [],
        signature: "arrayMap(record: SmartRecord): string[]",
        lines: [`return record.value.toString().split(${param ?? '","'});`],
        param: TEXT_PARAM,
      };
    case "aggregate":
      return {
        imports: ["Bytes", "fail"],
        signature: "aggregate(accumulator: Bytes, record: SmartRecord): string",
        lines: [
          "if (!record.value.isI64) return fail<string>(`not a whole number: ${record.value.toString()}`);",
          "const sum = accumulator.length == 0 ? 0 : accumulator.toI64();",
          `return \`\${sum + record.value.toI64()${param === undefined ? "" : ` * ${param}`}}\`;`,
        ],
        param: WHOLE_PARAM,
      };
  }
}

function source(answers: Answers): string {
  const example = exampleOf(answers);
  const param = example.param?.name;
  const { imports, signature, lines, param: kind } = body(answers.kind, param);
  const names = [...imports, ...(param === undefined ? [] : ["Params", ...kind.imports]), "SmartRecord"];
  const init =
    param === undefined
      ? ""
      : `let ${param}: ${kind.type} = ${kind.initial};

/** Runs once, before the first record. A required parameter that is missing is an error that names it. */
export function init(params: Params): void {
${indented(kind.lines(param))}
}

`;
  return `import { ${[...new Set(names)].sort().join(", ")} } from "@fluvio/smartmodule";

${init}/** ${example.does} */
export function ${signature} {
${indented(lines)}
}
`;
}

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join("\n");

function manifest({ name, productVersion }: Answers): string {
  const json = {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    scripts: {
      build: "fluvio smartmodule build",
      test: "fluvio smartmodule test",
      watch: "fluvio smartmodule test --watch",
      load: "fluvio smartmodule load",
    },
    devDependencies: { fluvio: `^${productVersion}` },
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** For editors alone: the build does not read it. */
const TSCONFIG = `{
  "extends": "fluvio/smartmodule/tsconfig.json",
  "include": ["src/**/*.ts"]
}
`;
