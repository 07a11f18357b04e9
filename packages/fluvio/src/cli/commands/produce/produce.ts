import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import type { SingleBar } from "cli-progress";
import { type FluvioClient, type ProducerOptions, parseDurationMs, parseSizeBytes } from "../../../client/index.ts";
import { arg, type Command, command, flag, type InputOf, type OptionTable, ValueError, value } from "../../command.ts";
import { fileError, readUserFile } from "../../files.ts";
import type { Io } from "../../io.ts";
import { checked, integer, nonEmpty, oneOf, oneOfAnyCase, text } from "../../values.ts";
import { smartmoduleOptions, smartmoduleSteps } from "../chain/options.ts";
import { mirrorPartition } from "../mirror-partition.ts";
import { suggestingTopic } from "../topic/errors.ts";
import { createLineSender, splitLines } from "./lines.ts";

const FILE_READ_BYTES = 1024 * 1024;
const PROGRESS_PERIOD_MS = 100;
const EXIT_INTERRUPTED = 130;
/** Green whatever the output is: it depends on the input being a terminal only. */
const OK = "\u001b[32mOk!\u001b[0m";

const options = {
  file: value({
    long: "file",
    short: "f",
    value: "path",
    summary: "Send each line of a file as a record",
    parse: nonEmpty,
  }),
  raw: flag({ long: "raw", summary: "Send the whole input as one record", conflicts: ["keySeparator"] }),
  key: value({ long: "key", value: "key", summary: "Key of every record", parse: text, conflicts: ["keySeparator"] }),
  keySeparator: value({
    long: "key-separator",
    value: "separator",
    summary: "Split each line into key and value at the first separator",
    parse: separator,
  }),
  verbose: flag({ long: "verbose", short: "v", summary: "With --key-separator, print each record as [key] value" }),
  compression: value({
    long: "compression",
    value: "codec",
    summary: "Compression of the batches [default: what the topic asks for]",
    parse: oneOf("none", "gzip", "snappy", "lz4", "zstd"),
    choices: ["none", "gzip", "snappy", "lz4", "zstd"],
  }),
  linger: value({
    long: "linger",
    value: "time",
    summary: "How long a batch waits for more records, e.g. 150ms [default: 0ms]",
    parse: checked((given) => parseDurationMs(given)),
  }),
  batchSize: value({
    long: "batch-size",
    value: "bytes",
    summary: "Size at which a batch is sent [default: 16384]",
    parse: checked(parseSizeBytes),
  }),
  maxRequestSize: value({
    long: "max-request-size",
    value: "bytes",
    summary: "Largest record and largest request [default: 1048576]",
    parse: checked(parseSizeBytes),
  }),
  isolation: value({
    long: "isolation",
    value: "isolation",
    summary: "When a record counts as acknowledged: read_uncommitted or read_committed",
    parse: oneOfAnyCase("read_uncommitted", "read_committed"),
  }),
  deliverySemantic: value({
    long: "delivery-semantic",
    value: "semantic",
    summary: "at-least-once or at-most-once [default: at-least-once]",
    parse: oneOfAnyCase("at-least-once", "at-most-once"),
  }),
  partition: value({
    long: "partition",
    short: "p",
    value: "integer",
    summary: "Partition of every record [default: by key]",
    parse: integer(),
    conflicts: ["mirror"],
  }),
  mirror: value({
    long: "mirror",
    short: "m",
    value: "name",
    summary: "Partition of this remote or home cluster",
    parse: nonEmpty,
  }),
  ...smartmoduleOptions,
} satisfies OptionTable;

type Input = InputOf<{ readonly topic: ReturnType<typeof arg> }, typeof options>;

const produceCommand = command({
  noun: "produce",
  summary: "Write records to a topic",
  description:
    "Write records to a topic: each line of standard input, or of a file, is one record. On a terminal it prompts for " +
    "lines and confirms each; from a pipe it sends them in order, many at a time, and ends when all are acknowledged.",
  args: { topic: arg({ name: "topic", summary: "Name of the topic" }) },
  options,
  examples: [
    { command: "echo hello | fluvio produce greetings" },
    { command: "fluvio produce greetings --file lines.txt --compression gzip" },
    { command: "fluvio produce orders --key-separator :", text: "lines such as `order-1:{...}`" },
  ],
  run: async (input, io) => {
    const client = await io.connect({ silent: true });
    return await suggestingTopic(client, input.topic, () => produceTo(client, input, io));
  },
});

export const produceCommands: readonly Command[] = [produceCommand];

function separator(given: string): string {
  if (given === "") throw new ValueError(given, "must be non-empty. If using '=', type it as '--key-separator \"=\"'");
  return given;
}

async function produceTo(client: FluvioClient, input: Input, io: Io): Promise<number> {
  const raw = input.raw ? await readRaw(input, io) : undefined;
  await using producer = await client.topicProducer(input.topic, await producerOptions(client, input, io));
  const interactive = io.stdinIsTty && input.file === undefined;
  if (raw !== undefined) {
    await producer.send(input.key, raw, { signal: io.signal });
    await producer.flush();
    if (interactive) io.stdout.print(OK);
    return 0;
  }
  const sender = createLineSender(producer, {
    key: input.key,
    separator: input.keySeparator,
    ...(input.verbose ? { onRecord: (key: string, line: string) => io.stdout.print(`[${key}] ${line}`) } : {}),
    onSkipped: (line) => io.stderr.print(`no key separator in line, skipped: ${line}`),
  });
  if (interactive) {
    const waits = input.deliverySemantic !== "at-most-once";
    const prompt = () => io.stderr.write("> ");
    await prompt();
    for await (const lines of splitLines(io.stdin, io.signal)) {
      for (const line of lines) {
        await sender.send(line);
        if (waits) await producer.flush({ signal: io.signal });
        io.stdout.print(OK);
        await prompt();
      }
    }
    await producer.flush();
    if (io.signal.aborted) return EXIT_INTERRUPTED;
    io.stdout.print(OK);
    return 0;
  }
  if (input.file === undefined) await sender.sendAll(splitLines(io.stdin, io.signal));
  else await sendFile(sender, input.file, io);
  await producer.flush();
  return io.signal.aborted ? EXIT_INTERRUPTED : 0;
}

async function readRaw(input: Input, io: Io): Promise<Uint8Array> {
  return input.file === undefined ? await buffer(io.stdin) : await readUserFile(io, input.file);
}

async function sendFile(sender: ReturnType<typeof createLineSender>, file: string, io: Io): Promise<void> {
  const path = resolve(io.cwd, file);
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(file, error);
  });
  const stream = createReadStream(path, { highWaterMark: FILE_READ_BYTES });
  const bar = io.stderr.isTty ? await progressBar(io, found.size) : undefined;
  const drawing = setInterval(() => bar?.update(stream.bytesRead), PROGRESS_PERIOD_MS);
  try {
    await sender.sendAll(splitLines(stream, io.signal));
  } catch (error) {
    throw error instanceof Error && "syscall" in error ? fileError(file, error) : error;
  } finally {
    clearInterval(drawing);
    bar?.stop();
  }
}

async function progressBar(io: Io, totalBytes: number): Promise<SingleBar> {
  const { default: progress } = await import("cli-progress");
  const bar = new progress.SingleBar({
    stream: io.stderr.stream as NodeJS.WriteStream,
    format: "{bar} {percentage}% | {value}/{total} bytes | {eta_formatted}",
    clearOnComplete: true,
  });
  bar.start(totalBytes, 0);
  return bar;
}

async function producerOptions(client: FluvioClient, input: Input, io: Io): Promise<ProducerOptions> {
  const smartmodules = await smartmoduleSteps(input, io);
  const partitioner =
    input.mirror === undefined ? input.partition : await mirrorPartition(client, input.topic, input.mirror);
  return {
    ...(input.compression === undefined ? {} : { compression: input.compression }),
    ...(input.linger === undefined ? {} : { lingerMs: input.linger }),
    ...(input.batchSize === undefined ? {} : { batchSizeBytes: input.batchSize }),
    ...(input.maxRequestSize === undefined ? {} : { maxRequestSizeBytes: input.maxRequestSize }),
    ...(input.isolation === undefined
      ? {}
      : { isolation: input.isolation === "read_committed" ? "readCommitted" : "readUncommitted" }),
    ...(input.deliverySemantic === undefined
      ? {}
      : { deliverySemantic: input.deliverySemantic === "at-most-once" ? "atMostOnce" : "atLeastOnce" }),
    ...(partitioner === undefined ? {} : { partitioner }),
    ...(smartmodules.length === 0 ? {} : { smartmodules }),
  };
}
