import { args, command, flag } from "../../command.ts";
import { eachConnector } from "./each.ts";

export const remove = command({
  noun: "connector",
  verb: "delete",
  summary: "Stop connectors and delete them; their topics stay",
  args: { names: args({ name: "NAME", summary: "Names of the connectors" }) },
  options: {
    continueOnError: flag({
      long: "continue-on-error",
      short: "c",
      summary: "Accepted as in the original: the others are deleted in any case when one fails",
    }),
  },
  run: async ({ names }, io) => {
    const exitCode = await eachConnector(io, { names, verb: "delete" }, async (admin, { name }) => {
      await admin.deleteConnector(name, { signal: io.signal });
      return undefined;
    });
    if (exitCode !== 0) io.stderr.print("Failed deleting connector(s). Check previous errors.");
    return exitCode;
  },
});
