import type { ProjectFiles } from "../../npm/index.ts";
import type { Answers } from "./answers.ts";
import { exampleOf } from "./example.ts";
import { rustFiles } from "./rust.ts";
import { typescriptFiles } from "./typescript.ts";

/** Every file of a new project. */
export function projectFiles(answers: Answers): ProjectFiles {
  return new Map([
    ["SmartModule.toml", packageFile(answers)],
    ["README.md", readme(answers)],
    ["tests/smartmodule.test.mjs", tests(answers)],
    ...(answers.language === "rust" ? rustFiles(answers) : typescriptFiles(answers)),
  ]);
}

function packageFile(answers: Answers): string {
  const { param, does } = exampleOf(answers);
  const params =
    param === undefined
      ? ""
      : `
[[params]]
name = "${param.name}"
description = "${param.description}"
`;
  return `[package]
name = "${answers.name}"
group = "${answers.group}"
version = "0.1.0"
apiVersion = "0.1.0"
description = "${does.replaceAll("`", "'").replace(/\.$/, "")}"
license = "Apache-2.0"
visibility = "${answers.visibility}"
${params}`;
}

function tests(answers: Answers): string {
  const { records, expected, param, failing, does } = exampleOf(answers);
  const list = (texts: readonly string[]) => `[${texts.map((text) => JSON.stringify(text)).join(", ")}]`;
  const params = param === undefined ? "" : ", params";
  const name = `${does.charAt(0).toLowerCase()}${does.slice(1).replace(/\.$/, "")}`;
  const blocks = [
    `test(${JSON.stringify(name)}, async () => {
  const { values } = await testSmartModule({ records: ${list(records)}${params} });
  assert.deepEqual(values, ${list(expected)});
});`,
  ];
  if (failing !== undefined) {
    blocks.push(`test("reports a record that it cannot work on, and keeps what came before", async () => {
  const records = ["${records[0]}", "${failing.record}", "${records[1]}"];
  const { values, error } = await testSmartModule({ records${params} });
  assert.deepEqual(values, ${list(expected.slice(0, 1))});
  assert.equal(error?.message, "${failing.message}");
  assert.equal(error?.offset, 1);
});`);
  }
  if (param !== undefined) {
    blocks.push(`test("names the parameter that is missing", async () => {
  await assert.rejects(testSmartModule({ records: ${list(records.slice(0, 1))} }), /Missing param ${param.name}/);
});`);
  }
  if (param?.refused !== undefined) {
    const { value, message } = param.refused;
    blocks.push(`test("refuses a parameter that it cannot work with", async () => {
  const given = { records: ${list(records.slice(0, 1))}, params: { ${param.name}: ${JSON.stringify(value)} } };
  await assert.rejects(testSmartModule(given), /${message}/);
});`);
  }
  return `import assert from "node:assert/strict";
import { test } from "node:test";
import { testSmartModule } from "fluvio/testing";
${param === undefined ? "" : `\nconst params = { ${param.name}: ${JSON.stringify(param.value)} };\n`}
${blocks.join("\n\n")}
`;
}

function readme(answers: Answers): string {
  const { does, records, param } = exampleOf(answers);
  const flag = param === undefined ? "" : ` --params ${param.name}=${quoted(param.value)}`;
  const source = answers.language === "rust" ? "src/lib.rs" : "src/index.ts";
  return `# ${answers.name}

A SmartModule of the kind ${answers.kind}. ${does}

| to do | run |
| --- | --- |
| build \`${source}\` to wasm | \`fluvio smartmodule build\` |
| run the tests in \`tests/\` | \`fluvio smartmodule test\` |
| try it on a record | \`fluvio smartmodule test --text ${quoted(records[0] ?? "")}${flag}\` |
| try it again at every save | \`fluvio smartmodule test --watch --text ${quoted(records[0] ?? "")}${flag}\` |
| store it in the cluster | \`fluvio smartmodule load\` |
| apply it to a stream | \`fluvio consume TOPIC --smartmodule ${answers.name}${flag}\` |
| offer it to others | \`fluvio smartmodule publish\` |

Name, group, version and parameters are in \`SmartModule.toml\`.
`;
}

/** A word of a shell command. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word}'`;
}
