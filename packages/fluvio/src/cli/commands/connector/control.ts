import { args, command } from "../../command.ts";
import { eachConnector } from "./each.ts";
import { connectorLayer } from "./find.ts";

const names = args({ name: "NAME", summary: "Names of the connectors" });

export const pause = command({
  noun: "connector",
  verb: "pause",
  summary: "Stop connectors until they are resumed, over restarts of the cluster",
  description:
    "Ends the process of each connector; what it has in hand is still worked off. It stays there, with its configuration, " +
    "log and position, and goes on where it was when it is resumed.",
  args: { names },
  examples: [{ command: "fluvio connector pause cat-facts" }],
  run: (input, io) =>
    eachConnector(io, { names: input.names, verb: "pause" }, async (admin, { name }) => {
      await admin.controlConnector(name, "pause", { signal: io.signal });
      return `connector "${name}" paused`;
    }),
});

export const resume = command({
  noun: "connector",
  verb: "resume",
  summary: "Start paused connectors again",
  args: { names },
  run: (input, io) =>
    eachConnector(io, { names: input.names, verb: "resume" }, async (admin, { name, status }) => {
      // asked in any case: one that is just being paused does not look so yet
      await admin.controlConnector(name, "resume", { signal: io.signal });
      return `connector "${name}" ${status.resolution === "paused" ? "resumed" : "is not paused"}`;
    }),
});

export const restart = command({
  noun: "connector",
  verb: "restart",
  summary: "Stop connectors and start them again; also those that failed or ended, at once",
  args: { names },
  run: (input, io) =>
    eachConnector(io, { names: input.names, verb: "restart" }, async (admin, { name }) => {
      await admin.controlConnector(name, "restart", { signal: io.signal });
      return `connector "${name}" restarted`;
    }),
});

export const reset = command({
  noun: "connector",
  verb: "reset",
  summary: "Have connectors begin anew: forget where they were",
  description:
    "Stops each connector, drops the position that the cluster keeps for it (of a sink the offsets of its consumer), and " +
    "starts it again as if it had never run; a paused one stays paused. Positions that another system keeps, such as those " +
    "of a consumer group, stay.",
  args: { names },
  run: (input, io) =>
    eachConnector(io, { names: input.names, verb: "reset" }, async (admin, { name, status, spec }) => {
      const wasPaused = status.resolution === "paused";
      await admin.controlConnector(name, "pause", { signal: io.signal });
      await admin.controlConnector(name, "forget", { signal: io.signal });
      const { consumerIdOf, decodeConfig } = await connectorLayer();
      const client = await io.connect();
      for (const { consumerId, topic, partition } of await client.consumerOffsets({
        consumerId: consumerIdOf(decodeConfig(spec.config)),
      })) {
        await client.deleteConsumerOffset(consumerId, topic, partition, { signal: io.signal });
      }
      if (!wasPaused) await admin.controlConnector(name, "resume", { signal: io.signal });
      return `connector "${name}" reset`;
    }),
});
