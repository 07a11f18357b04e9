import type { FluvioAdmin } from "../../../client/index.ts";
import { flag } from "../../command.ts";
import type { Io } from "../../io.ts";

/** `--hot`, for every command that stores a module. */
export const hotOption = flag({
  long: "hot",
  summary: "Running streams and connectors that use it go on with the new code at once",
});

/**
 * Has what runs go on with the code that is stored now, and says how much did. Gives the exit code: 1 when something
 * still runs the old code.
 */
export async function switchRunning(io: Io, admin: FluvioAdmin, name: string): Promise<number> {
  const { streams, connectors, failures } = await admin.switchSmartModule(name, { signal: io.signal });
  io.stdout.print(`${counted(streams, "stream")} and ${counted(connectors, "connector")} switched to it`);
  for (const failure of failures) io.stderr.print(`not switched: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
