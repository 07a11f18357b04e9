import type { FluvioAdmin } from "../../../client/index.ts";
import type { Io } from "../../io.ts";
import { errorLine } from "../../report.ts";
import { existingConnector } from "./find.ts";

type Existing = Awaited<ReturnType<typeof existingConnector>>;

/**
 * Does something with connectors, one after the other; those that fail leave the others alone. A failure of the only one is
 * thrown, as that of any command.
 * @param verb names the work in what is said of a failure
 * @param work what it returns is printed
 * @returns the exit code: 1 when one failed
 */
export async function eachConnector(
  io: Io,
  { names, verb }: { readonly names: readonly string[]; readonly verb: string },
  work: (admin: FluvioAdmin, found: Existing) => Promise<string | undefined>,
): Promise<number> {
  const admin = (await io.connect()).admin();
  let exitCode = 0;
  for (const name of names) {
    try {
      const said = await work(admin, await existingConnector(admin, name));
      if (said !== undefined) io.stdout.print(said);
    } catch (error) {
      if (names.length === 1 || io.signal.aborted) throw error;
      io.stderr.print(`connector "${name}" ${verb} failed with: ${errorLine(error)}`);
      exitCode = 1;
    }
  }
  return exitCode;
}
