/** Creates topics of three partitions, several at a time, for ever; sends the name of each that was answered. */
import { TestController } from "./test-controller.ts";

const controller = await TestController.start({ dataDir: process.argv[2] as string });
await Promise.all(
  Array.from({ length: 4 }, async (_, lane) => {
    for (let index = 0; ; index++) {
      const name = `topic-${lane}-${index}`;
      const { errorCode } = await controller.createTopic(name, {
        replicas: { type: "computed", partitions: 3, replicationFactor: 1, ignoreRackAssignment: false },
      });
      if (errorCode.name === "None") process.send?.(name);
    }
  }),
);
