import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { Program } from "../packages/fluvio/src/cli/testing/program.ts";
import { Fluvio } from "../packages/fluvio/src/client/index.ts";
import { freePort } from "./free-port.ts";

const MILLION = 1_000_000;
/** A regular expression, and how many of the records it finds itself in. */
export const HALF = { regex: "customer-\\d*[02468] x+$", kept: 500_512 };
const RECORD_BYTES = 200;
const BATCH_BYTES = 1 << 20;
/** Records read before memory is looked at for the first time: by then everything has its working size. */
const WARM_RECORDS = MILLION / 10;
const START_TIMEOUT_MS = 60_000;

/** A topic of a million records of 200 B in a cluster in a process of its own. */
export class MillionRecords implements AsyncDisposable {
  readonly fluvio: Fluvio;
  readonly topic = "million";
  private readonly stop: () => Promise<void>;
  private readonly processId: number;

  private constructor(fluvio: Fluvio, processId: number, stop: () => Promise<void>) {
    this.fluvio = fluvio;
    this.processId = processId;
    this.stop = stop;
  }

  static async start(): Promise<MillionRecords> {
    const home = await mkdtemp(join(tmpdir(), "fluvio-million-"));
    const address = `127.0.0.1:${await freePort()}`;
    const options = ["--data-dir", join(home, "data"), "--sc-pub-addr", address, "--gateway-addr", "off"];
    const ports = ["--spu-base-port", String(await freePort()), "--flush", "os"];
    const child = new Program(home).start(["cluster", "run", ...options, ...ports]);
    const exited = once(child, "exit");
    // what it logs is not looked at, but has to go somewhere
    child.stdout?.resume();
    child.stderr?.resume();
    const fluvio = await vi.waitFor(() => Fluvio.connect({ address }), { timeout: START_TIMEOUT_MS });
    const million = new MillionRecords(fluvio, child.pid as number, async () => {
      await fluvio.close();
      child.kill("SIGTERM");
      await exited;
      await rm(home, { recursive: true, force: true });
    });
    await million.fill();
    return million;
  }

  private async fill(): Promise<void> {
    await this.fluvio.admin().createTopic(this.topic);
    await using producer = await this.fluvio.topicProducer(this.topic, {
      batchSizeBytes: BATCH_BYTES,
      maxRequestSizeBytes: 4 * BATCH_BYTES,
    });
    for (let index = 0; index < MILLION; index++) {
      const value = `order ${index} of customer-${index % 977} `.padEnd(RECORD_BYTES, "x");
      while (producer.trySend(undefined, value) === undefined) await producer.ready();
    }
  }

  /**
   * Reads all of it through a stored SmartModule.
   * @returns how many records it kept, and by how much memory grew after the first tenth of what came through: the
   *   module's own, and the cluster's
   */
  async read(name: string, params: Readonly<Record<string, string>>) {
    const consumer = await this.fluvio.consumer({
      topic: this.topic,
      offset: "beginning",
      smartmodules: [{ name, params }],
      disableContinuous: true,
    });
    let kept = 0;
    let warm: Awaited<ReturnType<typeof this.memoryOf>> | undefined;
    let last = warm;
    for await (const records of consumer.batches()) {
      kept += records.length;
      if (kept < WARM_RECORDS) continue;
      last = await this.memoryOf(name);
      warm ??= last;
    }
    if (warm === undefined || last === undefined) throw new Error(`${name} kept ${kept} records only`);
    return {
      kept,
      moduleBytesMore: last.moduleBytes - warm.moduleBytes,
      clusterBytesMore: last.clusterBytes - warm.clusterBytes,
    };
  }

  private async memoryOf(name: string): Promise<{ readonly moduleBytes: number; readonly clusterBytes: number }> {
    const { modules } = await this.fluvio.admin().smartModuleStats([name]);
    const status = await readFile(`/proc/${this.processId}/status`, "utf8");
    const residentKib = Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
    return { moduleBytes: modules[0]?.memoryBytes ?? Number.NaN, clusterBytes: residentKib * 1024 };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
