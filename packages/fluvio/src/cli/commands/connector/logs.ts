import { flvError } from "../../../protocol/index.ts";
import { arg, command, flag } from "../../command.ts";
import { findConnector } from "./find.ts";

export const logs = command({
  noun: "connector",
  verb: "logs",
  aliases: ["log"],
  summary: "Print the log of a connector",
  args: { name: arg({ name: "NAME", summary: "Name of the connector" }) },
  options: { follow: flag({ long: "follow", short: "f", summary: "Go on as lines are added, until Ctrl-C" }) },
  run: async (input, io) => {
    const admin = (await io.connect()).admin();
    await findConnector(admin, input.name, (hint) =>
      flvError("FLV_CONNECTOR_NOT_FOUND", `Connector ${input.name} does not exist`, {
        details: { name: input.name },
        hint,
      }),
    );
    try {
      for await (const chunk of admin.connectorLogs(input.name, { follow: input.follow, signal: io.signal })) {
        await io.stdout.write(chunk);
      }
    } catch (error) {
      // Ctrl-C is how following ends.
      if (!io.signal.aborted) throw error;
    }
    return 0;
  },
});
