/** A cluster of two SPUs whose two partitions get records for ever; sends the offset of each that was answered. */
import { TemporaryCluster } from "./temporary-cluster.ts";

const temporary = await TemporaryCluster.start({ dataDir: process.argv[2] as string, spuCount: 2 });
process.send?.({ processId: temporary.cluster.spus[1]?.processId });
await temporary.createTopic("spread", 2);
await Promise.all(
  [0, 1].map(async (partition) => {
    for (let index = 0; ; index++) {
      const offset = await temporary.produce("spread", `record ${index}`, partition);
      if (offset === index) process.send?.({ partition, offset });
    }
  }),
);
