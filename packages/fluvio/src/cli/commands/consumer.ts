import { formatDuration } from "../../client/index.ts";
import { arg, type Command, command, value } from "../command.ts";
import { outputOption, printListing } from "../output/format.ts";
import { renderTable } from "../output/table.ts";
import { integer, nonEmpty } from "../values.ts";

const consumerList = command({
  noun: "consumer",
  verb: "list",
  summary: "List the named consumers with their positions",
  options: { output: outputOption },
  run: async ({ output }, io) => {
    const client = await io.connect();
    const found = await client.consumerOffsets({ signal: io.signal });
    const sorted = [...found].sort(
      (a, b) => compare(a.consumerId, b.consumerId) || compare(a.topic, b.topic) || a.partition - b.partition,
    );
    printListing(io.stdout, {
      format: output,
      plural: "consumers",
      objects: sorted.map(({ consumerId, topic, partition, offset, modifiedTimeMs }) => ({
        consumer_id: consumerId,
        topic,
        partition,
        offset,
        modified_time: Math.floor(modifiedTimeMs / 1000),
      })),
      empty: "No consumers found",
      table: () =>
        renderTable(
          ["CONSUMER", "TOPIC", "PARTITION", "OFFSET", "LAST SEEN"],
          sorted.map(({ consumerId, topic, partition, offset, modifiedTimeMs }) => [
            consumerId,
            topic,
            String(partition),
            String(offset),
            formatDuration(Math.max(0, Math.floor((io.now() - modifiedTimeMs) / 1000)) * 1000),
          ]),
        ),
    });
    return 0;
  },
});

const consumerDelete = command({
  noun: "consumer",
  verb: "delete",
  summary: "Forget the stored positions of a consumer",
  args: { consumer: arg({ name: "consumer", summary: "Id of the consumer" }) },
  options: {
    topic: value({ long: "topic", short: "t", value: "topic", summary: "Only on this topic", parse: nonEmpty }),
    partition: value({
      long: "partition",
      short: "p",
      value: "integer",
      summary: "Only on this partition",
      parse: integer(),
      requires: ["topic"],
    }),
  },
  run: async ({ consumer, topic, partition }, io) => {
    const client = await io.connect();
    const stored = await client.consumerOffsets({ consumerId: consumer, signal: io.signal });
    const chosen = stored.filter(
      (entry) =>
        (topic === undefined || entry.topic === topic) && (partition === undefined || entry.partition === partition),
    );
    for (const entry of chosen) {
      await client.deleteConsumerOffset(consumer, entry.topic, entry.partition, { signal: io.signal });
      io.stdout.print(`consumer "${consumer}" on topic "${entry.topic}" and partition "${entry.partition}" deleted`);
    }
    if (chosen.length === 0) io.stdout.print("no consumers found");
    return 0;
  },
});

export const consumerCommands: readonly Command[] = [consumerList, consumerDelete];

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
