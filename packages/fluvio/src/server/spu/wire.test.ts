import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONSUMER_OFFSET_TOPIC } from "../../protocol/index.ts";
import { type Clock, systemClock } from "../clock.ts";
import { startSpu, type TestSpu } from "./testing/harness.ts";
import { RawClient } from "./testing/raw-client.ts";

const VECTORS = new URL("../../../../../tests/vectors/", import.meta.url);

interface Frame {
  readonly scenario: string;
  readonly port: string;
  readonly dir: "request" | "response";
  readonly api: string;
  readonly hex: string;
}

/** When the recorded consumer offset was stored. */
const RECORDED_AT_MS = 0x6b026775 * 1000;
const clock: Clock = { nowMs: () => RECORDED_AT_MS, after: systemClock.after };

async function recordedFrames(): Promise<readonly Frame[]> {
  const text = await readFile(new URL("frames.jsonl", VECTORS), "utf8");
  const frames = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Frame);
  return frames.filter(({ port }) => port === "spu");
}

async function walkThrough(name: string): Promise<string> {
  const vectors = JSON.parse(await readFile(new URL("protocol.json", VECTORS), "utf8")) as {
    name: string;
    hex: string;
  }[];
  const found = vectors.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`no vector "${name}"`);
  // without the frame's length
  return found.hex.slice(8);
}

describe("answers to frames that real clients sent, byte by byte as the original gave them", () => {
  let spu: TestSpu;
  let frames: readonly Frame[];
  beforeAll(async () => {
    spu = await startSpu({ clock });
    await spu.sc.assign("hello", 2);
    await spu.sc.assign("walk", 1);
    await spu.sc.assign(CONSUMER_OFFSET_TOPIC, 1, { system: true });
    frames = await recordedFrames();
  });
  afterAll(() => spu[Symbol.asyncDispose]());

  /** Sends the scenario's requests of these APIs, and compares the answers in the order in which they were recorded. */
  async function replay(scenario: string, apis: readonly string[]): Promise<void> {
    const client = await RawClient.open(spu.spu.port);
    const chosen = frames.filter((frame) => frame.scenario === scenario && apis.includes(frame.api));
    expect(chosen.length).toBeGreaterThan(0);
    for (const { dir, api, hex } of chosen) {
      if (dir === "request") client.send(hex);
      else expect(`${api} ${await client.receive()}`).toBe(`${api} ${hex}`);
    }
    client.close();
  }

  // in the order of the recording: later ones rely on what earlier ones wrote
  it.each([
    "cli-produce",
    "cli-produce-kv",
    "cli-produce-gzip",
    "cli-produce-snappy",
    "cli-produce-lz4",
    "cli-produce-zstd",
  ])("%s", (scenario) => replay(scenario, ["Produce"]));

  it("cli-consume-committed, cli-consume-tail", async () => {
    await replay("cli-consume-committed", ["FetchOffsets", "StreamFetch"]);
    await replay("cli-consume-tail", ["StreamFetch"]);
  });

  it("cli-consume-missing-module", () => replay("cli-consume-missing-module", ["StreamFetch"]));

  it("cli-consumer-offset", async () => {
    const client = await RawClient.open(spu.spu.port);
    let streamOpen = false;
    for (const { dir, api, hex } of frames.filter(({ scenario }) => scenario === "cli-consumer-offset")) {
      if (api === "ApiVersions") continue;
      // the commands before it ran on connections of their own: the stream is the first of its connection here too
      if (dir === "request") {
        client.send(hex);
        if (api === "StreamFetch") {
          streamOpen = true;
          expect(await client.receive()).toMatch(/^00000003000568656c6c6f00000001/);
        }
      } else if (api !== "StreamFetch") {
        expect(`${api} ${await client.receive()}`).toBe(`${api} ${hex}`);
      }
    }
    expect(streamOpen).toBe(true);
    client.close();
  });

  it("the walk-through: handshake, produce, offsets, stream, acknowledgement", async () => {
    const client = await RawClient.open(spu.spu.port);
    client.send(await walkThrough("ApiVersions request"));
    expect(await client.receive()).toBe(await walkThrough("ApiVersions response of an SPU"));
    const inWalk = (hex: string) => hex.replace("000568656c6c6f", "000477616c6b");
    for (const api of ["Produce", "FetchOffsets", "StreamFetch", "UpdateOffsets"]) {
      client.send(inWalk(await walkThrough(`${api} request`)));
      expect(`${api} ${await client.receive()}`).toBe(`${api} ${inWalk(await walkThrough(`${api} response`))}`);
    }
    client.close();
  });

  it("tells clients that do not say their version a lower StreamFetch version", async () => {
    const client = await RawClient.open(spu.spu.port);
    client.send("0012000000000007000161");
    expect(await client.receive()).toBe(
      "0000000700000000000500000000001900010000001903ea0019001903eb0000000f03ed000000000005302e302e30",
    );
    client.close();
  });
});

describe("input that is none", () => {
  let spu: TestSpu;
  beforeAll(async () => {
    spu = await startSpu({ maxFrameBytes: 1_000_000 });
    await spu.sc.assign("hello");
  });
  afterAll(() => spu[Symbol.asyncDispose]());

  const header = (key: string, version = "0019") => `${key}${version}00000001000161`;
  it.each([
    { name: "an unknown API", frame: header("07d1") },
    { name: "StartMirror, which is not served", frame: header("07d0") },
    { name: "an SC's API", frame: header("03e9") },
    { name: "an empty frame", frame: "" },
    { name: "half a header", frame: "0000" },
    { name: "a request without body", frame: header("0000") },
    { name: "a body that ends early", frame: `${header("03eb")}000568` },
    { name: "a negative produce timeout", frame: `${header("0000")}000001ffffffff0000000000000000` },
    { name: "a bool that is none", frame: `${header("0000")}07` },
    { name: "an unknown isolation", frame: `${header("03eb")}000161000000000000000000000000000000000900000000` },
    { name: "a list that states two billion items", frame: `${header("0000")}00000100000000${"7fffffff"}` },
    { name: "text that is no UTF-8", frame: `${header("03eb")}0002c328` },
  ])("closes the connection of $name and no other", async ({ frame }) => {
    const healthy = await RawClient.open(spu.spu.port);
    const client = await RawClient.open(spu.spu.port);
    client.send(frame);
    await client.closed();
    healthy.send("0012000200000001000161000178000178000178");
    expect((await healthy.receive()).slice(0, 12)).toBe("000000010000");
    healthy.close();
  });

  it.each([
    { name: "a frame above the limit", bytes: "7fffffff" },
    { name: "a negative length", bytes: "ffffffff" },
  ])("closes the connection of $name", async ({ bytes }) => {
    const client = await RawClient.open(spu.spu.port);
    client.write(Buffer.from(bytes, "hex"));
    await client.closed();
    expect(client.isClosed).toBe(true);
  });
});
