import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../../../tests/fixtures/build-as.ts";
import { useTestCli } from "../../testing/cluster.ts";
import { OriginalCluster } from "../../testing/original-cluster.ts";
import { runCli } from "../../testing/run.ts";

const cli = useTestCli();
let original: OriginalCluster;

beforeAll(async () => {
  original = await OriginalCluster.start(Number(cli.address.split(":")[1]));
  await cli.file("filter.wasm", await buildAs("filter"));
  await cli.ok("sm", "create", "my-filter", "--wasm-file", "filter.wasm");
});
afterAll(() => original[Symbol.asyncDispose]());

const fluvio = (...argv: string[]) => runCli(["-c", original.address, ...argv], { cwd: cli.dir });

describe("with a cluster of the original, which hangs up at what it does not know", () => {
  it("lists and describes modules, without saying what only our clusters know", async () => {
    const listed = await fluvio("smartmodule", "list");
    expect(listed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(listed.stdout).toMatch(/^ {3}NAME {7}STATUS {13}SIZE *\n {3}my-filter {2}SmartModuleStatus {2}\d+ *\n$/);
    expect((await fluvio("smartmodule", "list", "--wide")).stdout).toMatch(/my-filter +- +\d+ +- +- +- *\n$/);
    const described = await fluvio("smartmodule", "describe", "my-filter", "-O", "json");
    expect(JSON.parse(described.stdout)).toMatchObject({ name: "my-filter", status: {} });
    expect((await fluvio("smartmodule", "describe", "my-filter")).stdout).not.toContain("Status:");
  });

  it("says that it has no counters", async () => {
    const { exitCode, stdout, stderr } = await fluvio("smartmodule", "stats");
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^The cluster at .* cannot give counters of SmartModules \(FLV_UNSUPPORTED\)\. /);
  });

  it("stores what is to be switched, then says that it cannot switch", async () => {
    const { exitCode, stdout, stderr } = await fluvio(
      ...["smartmodule", "create", "my-filter", "--wasm-file", "filter.wasm", "--replace", "--hot"],
    );
    expect([exitCode, stdout]).toEqual([1, 'smartmodule "my-filter" has been created.\n']);
    expect(stderr).toMatch(/cannot switch running SmartModules \(FLV_UNSUPPORTED\)/);
  });
});
