import { userFolder } from "../npm/index.ts";
import { isFluvioError } from "../protocol/index.ts";
import { runByHand } from "./by-hand/by-hand.ts";
import { errorText } from "./run/line-logger.ts";

/*
 * A connector in a container: `container-main.js TYPE --endpoint=URL --fluvio-topic=TOPIC …`, `TYPE --config PATH
 * [--secrets PATH]`, `TYPE metadata`, `TYPE --help`. The log goes to standard output. Exit code 0: stopped, or nothing more
 * to give; 1: failed; 2: the arguments are wrong.
 */

const EXIT_ERROR = 1;
const EXIT_USAGE = 2;

process.exit(await main(process.argv.slice(2)));

async function main(given: readonly string[]): Promise<number> {
  // An image knows its type, and its arguments begin with the connector's own.
  const known = process.env.FLUVIO_CONNECTOR_TYPE;
  const [type = "", ...all] = known === undefined ? given : [known, ...given];
  const argv = all[0] === "--" ? all.slice(1) : all;
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
  try {
    await runByHand({
      type,
      argv,
      env: process.env,
      usage: `connector ${type}`,
      connection: {},
      baseDir: userFolder(),
      write: (text) => process.stdout.write(text),
      signal: stop.signal,
    });
    return 0;
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason) return 0;
    process.stderr.write(`${errorText(error)}\n`);
    return isFluvioError(error) && error.code === "FLV_CONNECTOR_INVALID" ? EXIT_USAGE : EXIT_ERROR;
  }
}
