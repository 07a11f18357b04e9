import { describe, expect, test } from "vitest";
import type { ConnectorConfig, ParameterValue } from "../../fluvio/src/connector/file/config.ts";
import { checkOptions } from "../../fluvio/src/connector/options/check.ts";
import { connector as sink } from "./sink.ts";
import { connector as source } from "./source.ts";

const config = (parameters: Readonly<Record<string, ParameterValue>>): ConnectorConfig => ({
  name: "c",
  type: "s3",
  topic: "t",
  version: "latest",
  parameters: { bucket: "b", ...parameters },
  secrets: {},
  transforms: [],
});
const readSource = (parameters: Readonly<Record<string, ParameterValue>>) =>
  checkOptions(source, config(parameters), "connect.yml");
const readSink = (parameters: Readonly<Record<string, ParameterValue>>) =>
  checkOptions(sink, config(parameters), "connect.yml");

describe("a source is refused that", () => {
  test("would take objects away without reading them", () => {
    expect(() => readSource({ after: "delete", start: "end" })).toThrow(
      '`parameters.start` is "end", which does not go with `after: delete`',
    );
  });

  test("would read the objects again that it moved", () => {
    expect(() => readSource({ after: "move" })).toThrow(
      '`parameters.after` is "move", which would move objects to "done/"',
    );
    expect(readSource({ after: "move", prefix: "in/" })).toMatchObject({ "move-to": "done/" });
  });

  test("reads CSV with a delimiter of several characters", () => {
    expect(() => readSource({ format: "csv", csv: { delimiter: ";;" } })).toThrow("is not one character or `tab`");
    expect(readSource({ csv: { delimiter: "tab", columns: "a,b" } }).csv).toEqual({
      delimiter: "\t",
      header: true,
      columns: ["a", "b"],
    });
  });
});

describe("a sink", () => {
  test("has a path whose objects cannot overwrite each other", () => {
    expect(() => readSink({ path: "{{topic}}" })).toThrow(
      "which is not a path with {{partition}} and {{offset}} in it",
    );
  });

  test("has columns with known types", () => {
    expect(readSink({ columns: "id:integer, name" }).columns).toEqual([
      { name: "id", type: "integer" },
      { name: "name" },
    ]);
    expect(() => readSink({ columns: "id:number" })).toThrow("is not names such as `id` or `id:integer`");
  });
});
