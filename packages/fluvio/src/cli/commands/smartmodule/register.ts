import { flvError, isFluvioError, type SmartModuleMetadata } from "../../../protocol/index.ts";
import { flag, type OptionTable } from "../../command.ts";
import type { Io } from "../../io.ts";
import { hotOption, switchRunning } from "./hot.ts";

/** How a module that is there already is treated, for every command that stores one. */
export const registerOptions = {
  replace: flag({ long: "replace", summary: "Replace a SmartModule of the same name" }),
  hot: hotOption,
} satisfies OptionTable;

interface Registration {
  readonly name: string;
  readonly wasm: Uint8Array;
  readonly meta?: SmartModuleMetadata | undefined;
  readonly replace: boolean;
  /** Running streams and connectors switch to it. */
  readonly hot?: boolean;
}

/**
 * Stores a module in the cluster, and says so with `done`. Gives the exit code: 1 when it is stored, but something still
 * runs the old code.
 * @throws FLV_SMARTMODULE_ALREADY_EXISTS without `replace`
 */
export async function registerModule(io: Io, registration: Registration, done = ""): Promise<number> {
  const stored = await storeModule(io, registration);
  if (done !== "") io.stdout.print(done);
  return registration.hot === true ? await switchRunning(io, (await io.connect()).admin(), stored) : 0;
}

/** Stores a module and says nothing. Gives the name that it is stored under. @throws as {@link registerModule} */
export async function storeModule(io: Io, { name, wasm, meta, replace }: Omit<Registration, "hot">): Promise<string> {
  const admin = (await io.connect()).admin();
  return await admin
    .createSmartModule(name, wasm, { replace, signal: io.signal, ...(meta === undefined ? {} : { meta }) })
    .catch((error: unknown) => {
      throw taken(error);
    });
}

function taken(error: unknown): unknown {
  if (!isFluvioError(error) || error.code !== "FLV_SMARTMODULE_ALREADY_EXISTS") return error;
  return flvError(error.code, error.message, {
    details: error.details,
    hint: "Add --replace to store this one in its place.",
    cause: error.cause,
  });
}

/** `group/name@version`, as packaged modules are named. */
export function packageId({ package: { group, name, version } }: SmartModuleMetadata): string {
  return `${group}/${name}@${version}`;
}
