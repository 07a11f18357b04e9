import { readFile, stat } from "node:fs/promises";
import type { FluvioClient, SmartModuleStep } from "../../client/index.ts";
import { flvError } from "../../protocol/index.ts";
import { type ModuleReference, USE_LAST } from "../options/common-parameters.ts";

/** How long `aggregate-initial-value: use-last` waits for the topic's last record. */
const LAST_RECORD_TIMEOUT_MS = 3000;

/**
 * The steps of a connector's chain: files are read, and `use-last` is looked up.
 * @param client without it `use-last` begins with nothing, as with an empty topic
 */
export async function loadModules(
  client: FluvioClient | undefined,
  topic: string,
  references: readonly ModuleReference[],
  file: string,
): Promise<readonly SmartModuleStep[]> {
  const steps: SmartModuleStep[] = [];
  for (const { uses, mayBePath, aggregateInitial: given, ...rest } of references) {
    const wasm = mayBePath ? await readIfFile(uses) : undefined;
    const aggregateInitial = given === USE_LAST ? client && (await lastValue(client, topic, file)) : given;
    steps.push({
      name: uses,
      ...rest,
      ...(wasm === undefined ? {} : { wasm }),
      ...(aggregateInitial === undefined ? {} : { aggregateInitial }),
    });
  }
  return steps;
}

async function readIfFile(path: string): Promise<Uint8Array | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) return undefined;
  return await readFile(path);
}

/** Value of the last record of the topic; nothing for an empty topic. */
async function lastValue(client: FluvioClient, topic: string, file: string): Promise<Uint8Array | undefined> {
  const offsets = await client.partitionOffsets(topic);
  const stored = offsets.find((one) => one.endOffset > one.startOffset);
  if (stored === undefined) return undefined;
  await using consumer = await client.consumer({
    topic,
    partitions: stored.partition,
    offset: { fromEnd: 1 },
    disableContinuous: true,
    signal: AbortSignal.timeout(LAST_RECORD_TIMEOUT_MS),
  });
  for await (const record of consumer) return Uint8Array.from(record.value);
  throw flvError("FLV_TIMEOUT", `The last record of topic ${topic} could not be read for \`use-last\` in ${file}`, {
    hint: "Give the value itself: aggregate-initial-value: VALUE",
    retriable: true,
  });
}
