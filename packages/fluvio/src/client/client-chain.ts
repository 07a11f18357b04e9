import { BatchBuilder, flvError, stepOptionsFromParams } from "../protocol/index.ts";
import type { ChainStep, HistoryTaker, Lookback, SmartChain, SmartEngine } from "../smartengine/index.ts";
import type { FluvioClient, PartitionOffsets } from "./client-types.ts";
import { toBytes } from "./invocation.ts";
import type { SmartModuleStep } from "./types.ts";

/** SmartModules that a producer applies in this process. */
export interface ClientChain {
  readonly chain: SmartChain;
  /** Goes on with the code that the cluster has now. @throws why it cannot; the chain then goes on as before */
  reload(): Promise<void>;
}

/**
 * Loads the modules and starts their chain. Those that look back are fed what is stored of every partition of the topic.
 * @throws FLV_ARGUMENT for what belongs to streams (windows, kept state) | FLV_SMARTMODULE_NOT_FOUND | what the engine throws
 */
export async function openClientChain(
  client: FluvioClient,
  engine: SmartEngine,
  topic: string,
  steps: readonly SmartModuleStep[],
): Promise<ClientChain> {
  const load = () => Promise.all(steps.map((step, index) => loadStep(client, step, index)));
  const feedHistory = (modules: HistoryTaker) => lookBack(client, topic, modules);
  const chain = await engine.chain(await load());
  try {
    await feedHistory(chain);
  } catch (error) {
    await chain[Symbol.asyncDispose]();
    throw error;
  }
  return { chain, reload: async () => chain.replace(await load(), { feedHistory }) };
}

async function loadStep(client: FluvioClient, step: SmartModuleStep, index: number): Promise<ChainStep> {
  const { name = `smartmodule-${index}`, params = {}, lookback, aggregateInitial } = step;
  const options = stepOptionsFromParams(new Map(Object.entries(params)));
  const limits = { ...options.limits, ...step.limits };
  if ((step.window ?? options.window) !== undefined) throw streamsOnly(name, "a window");
  if ((step.state ?? options.stateName) !== undefined) throw streamsOnly(name, "a kept state");
  return {
    name,
    wasm: step.wasm ?? (await client.admin().downloadSmartModule(name)),
    params: options.params,
    limits,
    ...(lookback === undefined ? {} : { lookback }),
    ...(aggregateInitial === undefined ? {} : { accumulator: toBytes(aggregateInitial) }),
  };
}

function streamsOnly(module: string, what: string): Error {
  return flvError("FLV_ARGUMENT", `SmartModule ${module} cannot have ${what} where records are produced`, {
    details: { module },
    hint: "apply it where the topic is read: in a consumer or a sink connector",
  });
}

async function lookBack(client: FluvioClient, topic: string, modules: HistoryTaker): Promise<void> {
  if (modules.lookbacks.every((lookback) => lookback === undefined)) return;
  const partitions = await client.partitionOffsets(topic);
  for (const [index, lookback] of modules.lookbacks.entries()) {
    if (lookback === undefined) continue;
    for (const offsets of partitions) await lookBackOn(client, topic, modules, { index, lookback, offsets });
  }
}

interface History {
  readonly index: number;
  readonly lookback: Lookback;
  readonly offsets: PartitionOffsets;
}

/** Feeds one module what is stored of one partition, in pieces of a reply each. */
async function lookBackOn(
  client: FluvioClient,
  topic: string,
  modules: HistoryTaker,
  { index, lookback, offsets }: History,
): Promise<void> {
  const { last, ageMs } = lookback;
  const { partition, startOffset, endOffset } = offsets;
  const counted = last > 0 || ageMs === undefined;
  const from = counted ? Math.max(startOffset, endOffset - last) : startOffset;
  if (from >= endOffset) return;
  const notBeforeMs = ageMs === undefined ? undefined : Date.now() - ageMs;
  await using history = await client.consumer({
    topic,
    partitions: partition,
    offset: { absolute: from },
    disableContinuous: true,
  });
  for await (const records of history.batches()) {
    const builder = new BatchBuilder();
    for (const { key, value, timestampMs } of records) builder.append(key, value, timestampMs);
    await modules.lookBack(index, [builder.build("none")], 0, notBeforeMs);
  }
}
