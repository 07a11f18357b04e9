import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { createOutput } from "../output/stream.ts";
import { createChecklist } from "./checklist.ts";

function written(isTty: boolean, env: Readonly<Record<string, string>>): string {
  let text = "";
  const stream = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  const list = createChecklist(createOutput(stream, { isTty, columns: 20, colors: false, onBroken: () => {} }), env);
  list.headline("head");
  list.progress("working on something that is long");
  list.done("done");
  list.progress("more");
  list.end();
  return text;
}

test("without a terminal only headlines are printed", () => {
  expect(written(false, {})).toBe("head\n");
});

test("in CI every message is a line, also on a terminal", () => {
  const all = "head\nworking on something that is long\ndone\nmore\n";
  expect(written(false, { CI: "true" })).toBe(all);
  expect(written(true, { CI: "true" })).toBe(all);
  expect(written(false, { CI: "" })).toBe("head\n");
});

test("on a terminal progress is redrawn in place within its width, and finished lines stay", () => {
  const clear = "\r\u001b[2K";
  expect(written(true, {})).toBe(`head\n${clear}⠙ working on somethi${clear}done\n${clear}⠹ more${clear}`);
});
