import { describe, expect, it } from "vitest";
import { useTestCli } from "../../testing/cluster.ts";

const cli = useTestCli();

describe("table-format", () => {
  it("creates, lists and deletes; names are taken once", async () => {
    await cli.file("tf.yaml", "name: people\ninput_format: JSON\ncolumns:\n  - keyPath: id\n    primaryKey: true\n");
    expect(await cli.ok("table-format", "create", "--config", "tf.yaml")).toBe('tableformat "people" created\n');
    expect((await cli.run(["tf", "create", "-c", "tf.yaml"])).stderr).toContain("TableFormat already exists");
    expect(JSON.parse(await cli.ok("tf", "list", "-O", "json"))).toEqual([
      {
        name: "people",
        spec: { name: "people", inputFormat: "JSON", columns: [{ keyPath: "id", primaryKey: true }] },
        status: { resolution: "Init" },
      },
    ]);
    expect(await cli.ok("tf", "delete", "people")).toBe("");
    expect((await cli.run(["tf", "delete", "people"])).stderr).toContain("TableFormat not found");
  });

  it.each([
    ["columns: []", "at name"],
    ["name: x\ncolumns: [{ headerLabel: y }]", "at columns.0.keyPath"],
    ["name: x\ninput_format: csv", "at input_format"],
  ])("refuses %j and names the key", async (text, place) => {
    await cli.file("bad.yaml", text);
    const { exitCode, stderr } = await cli.run(["tf", "create", "-c", "bad.yaml"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`Invalid table format "bad.yaml" ${place}`);
  });
});
