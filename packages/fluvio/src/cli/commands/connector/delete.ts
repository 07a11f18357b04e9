import { args, command, flag } from "../../command.ts";
import { errorLine } from "../../report.ts";
import { existingConnector } from "./find.ts";

export const remove = command({
  noun: "connector",
  verb: "delete",
  summary: "Stop connectors and delete them; their topics stay",
  args: { names: args({ name: "NAME", summary: "Names of the connectors" }) },
  options: {
    continueOnError: flag({ long: "continue-on-error", short: "c", summary: "Go on with the next when one fails" }),
  },
  run: async (input, io) => {
    const admin = (await io.connect()).admin();
    let failed = false;
    for (const name of input.names) {
      try {
        await existingConnector(admin, name);
        await admin.deleteConnector(name, { signal: io.signal });
      } catch (error) {
        if (!input.continueOnError) throw error;
        io.stderr.print(`connector "${name}" delete failed with: ${errorLine(error)}`);
        failed = true;
      }
    }
    if (!failed) return 0;
    io.stderr.print("Failed deleting connector(s). Check previous errors.");
    return 1;
  },
});
