import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { buildAs } from "../../../../tests/fixtures/build-as.ts";
import { isFluvioError, readBatchHeader } from "../protocol/index.ts";
import { type ChainStep, createSmartEngine, type ProcessOutput, type SmartChain } from "./index.ts";
import { makeBatch } from "./testing/batches.ts";

const run = promisify(execFile);
const engine = createSmartEngine();
afterAll(() => engine[Symbol.asyncDispose]());

async function filter(): Promise<ChainStep> {
  return { name: "filter", wasm: await buildAs("filter"), params: new Map() };
}

function feed(chain: SmartChain): Promise<ProcessOutput> {
  return chain.process({ batches: [makeBatch(["a"])], fromOffset: 0, maxOutputBytes: 1 << 20 });
}

describe("ending", () => {
  it("of a chain makes its later calls fail", async () => {
    const chain = await engine.chain([await filter()]);
    await chain[Symbol.asyncDispose]();
    await chain[Symbol.asyncDispose]();
    await expect(feed(chain)).rejects.toMatchObject({ code: "FLV_ABORTED" });
  });

  it("of the engine ends its chains", async () => {
    const other = createSmartEngine();
    const chain = await other.chain([await filter()]);
    await other[Symbol.asyncDispose]();
    await expect(feed(chain)).rejects.toMatchObject({ code: "FLV_ABORTED" });
    await expect(other.chain([await filter()])).rejects.toMatchObject({ code: "FLV_ABORTED" });
  });

  it("is not needed for the process to end", async () => {
    const program = `
      import { createSmartEngine } from ${JSON.stringify(new URL("../../dist/smartengine/index.js", import.meta.url))};
      const wasm = Buffer.from(${JSON.stringify(Buffer.from(await buildAs("filter")).toString("base64"))}, "base64");
      await createSmartEngine().chain([{ name: "filter", wasm, params: new Map() }]);
      console.log("made");
    `;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { timeout: 25_000 });
    expect(stdout).toBe("made\n");
  });

  it("by a signal keeps a chain from being made", async () => {
    const steps = [await filter()];
    await expect(engine.chain(steps, { signal: AbortSignal.abort(new Error("gone")) })).rejects.toThrow("gone");
  });

  it("of corrupt input is an error of that chain", async () => {
    const chain = await engine.chain([await filter()]);
    const batch = makeBatch(["apple"]);
    batch[batch.length - 8] = 0xff;
    expect(readBatchHeader(batch).sizeBytes).toBe(batch.length);
    const failing = chain.process({ batches: [batch], fromOffset: 0, maxOutputBytes: 100 });
    expect(isFluvioError(await failing.catch((error: unknown) => error))).toBe(true);
    await chain[Symbol.asyncDispose]();
  });
});
