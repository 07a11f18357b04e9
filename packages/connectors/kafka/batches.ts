import type { Consumer, RecordsBatch } from "@platformatic/kafka";

/** What a broker answered. */
export type FetchAnswer = Awaited<ReturnType<Consumer["fetch"]>>;
export type PartitionAnswer = FetchAnswer["responses"][number]["partitions"][number];

const TRANSACTIONAL = 0b1_0000;
const CONTROL = 0b10_0000;
const ABORT_MARKER = 0;

/**
 * The batches of an answer that hold records for readers: no markers, and nothing of transactions that were aborted. The
 * driver leaves in what was written by a transaction whose end is not part of the same answer.
 */
export function* recordBatches({ records = [], abortedTransactions }: PartitionAnswer): Generator<RecordsBatch> {
  const starts = [...(abortedTransactions ?? [])].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborted = new Set<bigint>();
  for (const batch of records) {
    while (starts[0] !== undefined && starts[0].firstOffset <= batch.firstOffset + BigInt(batch.lastOffsetDelta)) {
      aborted.add(starts.shift()?.producerId ?? -1n);
    }
    if ((batch.attributes & CONTROL) !== 0) {
      if (batch.records[0]?.key?.readInt16BE(2) === ABORT_MARKER) aborted.delete(batch.producerId);
      continue;
    }
    if ((batch.attributes & TRANSACTIONAL) !== 0 && aborted.has(batch.producerId)) continue;
    yield batch;
  }
}

/** The offset behind everything in the answer, what is no record included; `undefined` when it is empty. */
export function nextOffset({ records }: PartitionAnswer): bigint | undefined {
  const last = records?.at(-1);
  return last === undefined ? undefined : last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
}
