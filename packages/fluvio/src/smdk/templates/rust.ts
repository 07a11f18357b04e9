import type { ProjectFiles } from "../../npm/index.ts";
import type { Answers, GeneratedKind } from "./answers.ts";
import { exampleOf } from "./example.ts";

/** The files of a project in Rust, besides those that every project has. */
export function rustFiles(answers: Answers): ProjectFiles {
  return new Map([
    ["src/lib.rs", source(answers)],
    ["Cargo.toml", cargoToml(answers)],
    ["rust-toolchain.toml", TOOLCHAIN],
    [".gitignore", "/target/\n/.hub/\n"],
  ]);
}

const TOOLCHAIN = `[toolchain]
channel = "stable"
targets = ["wasm32-wasip1", "wasm32-unknown-unknown"]
`;

function cargoToml({ name, crate, visibility }: Answers): string {
  return `[package]
name = "${name}"
version = "0.1.0"
edition = "2021"
${visibility === "private" ? "publish = false\n" : ""}
[lib]
crate-type = ["cdylib"]

[dependencies]
fluvio-smartmodule = ${crate}

[profile.release-lto]
inherits = "release"
lto = true
strip = "symbols"

[workspace]
`;
}

interface Body {
  readonly attribute: string;
  readonly imports: readonly string[];
  readonly signature: string;
  readonly lines: readonly string[];
  /** Type of the parameter; a number is parsed. */
  readonly paramType: ParamType;
}

type ParamType = "String" | NumberType;
type NumberType = "f64" | "i64";
const NUMBERS: Readonly<Record<NumberType, string>> = { f64: "number", i64: "whole number" };

const readNumber = (type: NumberType) => [
  "let text = std::str::from_utf8(record.value().as_ref())?;",
  `let number: ${type} = text`,
  "    .trim()",
  "    .parse()",
  `    .map_err(|_| eyre!("not a ${NUMBERS[type]}: {text}"))?;`,
];
const READ_TEXT = "let text = std::str::from_utf8(record.value().as_ref())?;";

/** The example of each kind; with a parameter, `param` is its name. */
const BODIES: Readonly<Record<GeneratedKind, (param: string | undefined) => Body>> = {
  filter: (param) => ({
    attribute: "filter",
    imports: [],
    signature: "filter(record: &SmartModuleRecord) -> Result<bool>",
    lines: [READ_TEXT, `Ok(text.contains(${textParam(param) ?? "'a'"}))`],
    paramType: "String",
  }),
  map: (param) => ({
    attribute: "map",
    imports: ["RecordData"],
    signature: "map(record: &SmartModuleRecord) -> Result<(Option<RecordData>, RecordData)>",
    lines: [
      READ_TEXT,
      ...(param === undefined
        ? ["let value = text.to_uppercase();"]
        : [`let prefix = ${textParam(param)};`, 'let value = format!("{prefix}{text}");']),
      "Ok((record.key().cloned(), value.into()))",
    ],
    paramType: "String",
  }),
  "filter-map": (param) => ({
    attribute: "filter_map",
    imports: ["RecordData", "eyre"],
    signature: "filter_map(record: &SmartModuleRecord) -> Result<Option<(Option<RecordData>, RecordData)>>",
    lines: [
      ...readNumber("f64"),
      `let divisor = ${numberParam(param, "1.0") ?? "2.0"};`,
      "if number % divisor != 0.0 {",
      "    return Ok(None);",
      "}",
      "let value = ((number / divisor) as i64).to_string();",
      "Ok(Some((record.key().cloned(), value.into())))",
    ],
    paramType: "f64",
  }),
  "array-map": (param) => ({
    attribute: "array_map",
    imports: ["RecordData"],
    signature: "array_map(record: &SmartModuleRecord) -> Result<Vec<(Option<RecordData>, RecordData)>>",
    lines: [
      READ_TEXT,
      `let parts = text.split(${textParam(param) ?? "','"});`,
      "let records = parts.map(|part| (record.key().cloned(), part.into()));",
      "Ok(records.collect())",
    ],
    paramType: "String",
  }),
  aggregate: (param) => ({
    attribute: "aggregate",
    imports: ["RecordData", "eyre"],
    signature: "aggregate(accumulator: RecordData, record: &SmartModuleRecord) -> Result<RecordData>",
    lines: [
      ...readNumber("i64"),
      "let before = std::str::from_utf8(accumulator.as_ref())?;",
      "let sum: i64 = match before {",
      '    "" => 0,',
      "    _ => before.parse()?,",
      "};",
      `let sum = sum + number${param === undefined ? "" : ` * ${numberParam(param, "1")}`};`,
      "Ok(sum.to_string().into())",
    ],
    paramType: "i64",
  }),
};

function textParam(param: string | undefined): string | undefined {
  return param && `${param.toUpperCase()}.get().map(String::as_str).unwrap_or_default()`;
}

function numberParam(param: string | undefined, otherwise: string): string | undefined {
  return param && `${param.toUpperCase()}.get().copied().unwrap_or(${otherwise})`;
}

function source(answers: Answers): string {
  const example = exampleOf(answers);
  const param = example.param?.name;
  const { attribute, imports, signature, lines, paramType } = BODIES[answers.kind](param);
  const names = [
    ...new Set([...imports, ...(param === undefined ? [] : ["eyre"])]),
    "smartmodule",
    "Result",
    "SmartModuleRecord",
  ];
  return `${param === undefined ? "" : "use std::sync::OnceLock;\n\n"}${param === undefined ? "" : PARAM_IMPORTS}use fluvio_smartmodule::{${sorted(names).join(", ")}};

${param === undefined ? "" : init(param, paramType)}/// ${example.does}
#[smartmodule(${attribute})]
pub fn ${signature} {
${lines.map((line) => `    ${line}`).join("\n")}
}
`;
}

const PARAM_IMPORTS = `use fluvio_smartmodule::dataplane::smartmodule::{SmartModuleExtraParams, SmartModuleInitError};
`;

function init(param: string, type: ParamType): string {
  const name = param.toUpperCase();
  const [read, variable] =
    type === "String"
      ? ["", "text.clone()"]
      : [
          `
    let value: ${type} = text
        .parse()
        .map_err(|_| eyre!("${param} is not a ${NUMBERS[type]}: {text}"))?;`,
          "value",
        ];
  return `static ${name}: OnceLock<${type}> = OnceLock::new();

/// Runs once, before the first record. A required parameter that is missing is an error that names it.
#[smartmodule(init)]
fn init(params: SmartModuleExtraParams) -> Result<()> {
    let Some(text) = params.get("${param}") else {
        return Err(SmartModuleInitError::MissingParam("${param}".to_string()).into());
    };${read}
    ${name}
        .set(${variable})
        .map_err(|_| eyre!("init ran twice"))
}

`;
}

/** As rustfmt has them: functions and macros first, then types. */
function sorted(names: readonly string[]): string[] {
  const isType = (name: string) => Number(/^[A-Z]/.test(name));
  return [...names].sort((a, b) => isType(a) - isType(b) || (a < b ? -1 : 1));
}
