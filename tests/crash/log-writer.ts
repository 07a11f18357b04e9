/**
 * The process that the crash test kills: an engine with several partitions and many producers, which notes every
 * acknowledgement, and what a reader of committed records has seen, in a file: what was written there before the kill
 * stays. It says `started` on its standard output.
 *
 * Arguments: directory, notes file, round, flush mode.
 */
import { openSync, writeSync } from "node:fs";
import { BatchBuilder } from "../../packages/fluvio/src/protocol/index.ts";
import { createLogEngine, type PartitionLog } from "../../packages/fluvio/src/storage/index.ts";
import { recordValue } from "./acknowledged.ts";
import { CRASH_CONFIG, CRASH_PARTITIONS } from "./log-partitions.ts";

const PRODUCERS_PER_PARTITION = 6;
const IN_FLIGHT = 3;
const ENCODER = new TextEncoder();

const [directory, notesPath, round, flush] = process.argv.slice(2) as [string, string, string, "always" | "os"];
const notes = openSync(notesPath, "a");

function note(line: string): void {
  writeSync(notes, `${line}\n`);
}

/** One producer: a few appends in flight, each of one to three batches, small and large mixed. */
async function produce(log: PartitionLog, name: string): Promise<never> {
  let sequence = 0;
  const send = async () => {
    const values: string[] = [];
    const batches: Uint8Array[] = [];
    for (let batch = 0; batch <= sequence % 3; batch += 1) {
      const builder = new BatchBuilder();
      for (let record = 0; record <= sequence % 4; record += 1) {
        const filler = ".".repeat(sequence % 17 === 0 ? 9000 : sequence % 200);
        values.push(recordValue(name, sequence, filler));
        builder.append(undefined, ENCODER.encode(values.at(-1)), Date.now());
        sequence += 1;
      }
      batches.push(builder.build());
    }
    const { baseOffset } = await log.append(batches);
    for (const [at, value] of values.entries()) note(`ack ${log.id.partition} ${baseOffset + at} ${value}`);
  };
  const lane = async (): Promise<never> => {
    for (;;) await send();
  };
  return Promise.race(Array.from({ length: IN_FLIGHT }, lane));
}

/** Follows the high watermark and tells how far it has read. */
async function follow(log: PartitionLog): Promise<never> {
  let offset = log.highWatermark;
  for (;;) {
    const slice = await log.read(offset, { maxBytes: 64 * 1024, upToOffset: log.highWatermark });
    if (slice.nextOffset > offset) {
      offset = slice.nextOffset;
      note(`read ${log.id.partition} ${offset}`);
    } else {
      await new Promise<void>((resolve) => {
        const stop = log.onAdvance(() => {
          stop();
          resolve();
        });
      });
    }
  }
}

const engine = await createLogEngine({ directory });
const work: Promise<never>[] = [];
for (const [at, id] of CRASH_PARTITIONS.entries()) {
  const log = await engine.open(id, { ...CRASH_CONFIG, flush });
  // The last partition has a single producer: the way of the lone writer, which is not the way of many.
  const producers = at === CRASH_PARTITIONS.length - 1 ? 1 : PRODUCERS_PER_PARTITION;
  for (let n = 0; n < producers; n += 1) work.push(produce(log, `r${round}p${at}n${n}`));
  work.push(follow(log));
}
process.stdout.write("started");
await Promise.race(work);
