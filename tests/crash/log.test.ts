import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createLogEngine } from "../../packages/fluvio/src/storage/index.ts";
import { readAll } from "../../packages/fluvio/src/storage/testing/batches.ts";
import { AcknowledgedRecords } from "./acknowledged.ts";
import { CRASH_CONFIG, CRASH_PARTITIONS } from "./log-partitions.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 5);
/** Everything is read again after each round, so a folder must not grow for ever. */
const ROUNDS_PER_FOLDER = 5;
const KILL_AFTER_MS_MAX = 400;
const WRITER = fileURLToPath(new URL("./log-writer.ts", import.meta.url));

/** What one killed process told before it died. */
interface Round {
  /** By partition: how far a reader of committed records came. */
  readonly readUpTo: ReadonlyMap<number, number>;
}

/** Runs a writer, kills it at a random moment, and reads what it noted before. */
async function runAndKill(directory: string, round: number, acknowledged: AcknowledgedRecords): Promise<Round> {
  const notesPath = `${directory}.notes-${round}`;
  const flush = round % 3 === 2 ? "os" : "always";
  const child = spawn(process.execPath, ["--import", "tsx", WRITER, directory, notesPath, String(round), flush], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), Math.random() * KILL_AFTER_MS_MAX));
  const [, signal] = await once(child, "exit");
  expect(signal).toBe("SIGKILL");
  const readUpTo = new Map<number, number>();
  const lines = (await readFile(notesPath, "utf8")).split("\n");
  // What follows the last line end was cut in the middle by the kill.
  for (const line of lines.slice(0, -1)) {
    const [kind, partition, offset, value] = line.split(" ") as [string, string, string, string];
    if (kind === "ack") acknowledged.add({ partition, offset: Number(offset), value });
    else readUpTo.set(Number(partition), Number(offset));
  }
  await rm(notesPath);
  return { readUpTo };
}

/** Kills a writer `rounds` times on one folder, which each finds as the one before left it, and checks after each. */
async function survive(rounds: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "fluvio-crash-"));
  const acknowledged = new AcknowledgedRecords();
  for (let round = 0; round < rounds; round += 1) {
    const { readUpTo } = await runAndKill(directory, round, acknowledged);
    const engine = await createLogEngine({ directory });
    for (const id of CRASH_PARTITIONS) {
      const log = await engine.open(id, { ...CRASH_CONFIG, flush: "always" });
      expect(log.damage).toBeUndefined();
      expect(log).toMatchObject({ logStartOffset: 0, highWatermark: log.logEndOffset });
      expect(log.logEndOffset).toBeGreaterThanOrEqual(readUpTo.get(id.partition) ?? 0);
      acknowledged.verify(String(id.partition), await readAll(log));
    }
    await engine[Symbol.asyncDispose]();
  }
  expect(acknowledged.count).toBeGreaterThan(rounds);
  await rm(directory, { recursive: true });
}

test(
  `${ROUNDS} times killed in the middle of writing, every acknowledged record is there once and in order`,
  async () => {
    for (let left = ROUNDS; left > 0; left -= ROUNDS_PER_FOLDER) await survive(Math.min(left, ROUNDS_PER_FOLDER));
  },
  30_000 + ROUNDS * 10_000,
);
