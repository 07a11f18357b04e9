import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { flvError } from "../../protocol/index.ts";
import type { StoredModule } from "../link.ts";

const gunzipAsync = promisify(gunzip);

/** A stored SmartModule, ready to be run. */
export interface LoadedModule {
  /** The key it is stored under, whatever name it was asked for by. */
  readonly name: string;
  readonly wasm: Uint8Array;
}

/**
 * The SmartModules that streams asked for by name, as wasm. Emptied when the SC says that any changed: names with
 * and without group and version stand for the same module, and changes are rare.
 */
export class ModuleCache {
  private modules = new Map<string, Promise<LoadedModule>>();
  private readonly fetchModule: (name: string) => Promise<StoredModule | undefined>;
  private readonly bytesMax: number;

  constructor(fetchModule: (name: string) => Promise<StoredModule | undefined>, bytesMax: number) {
    this.fetchModule = fetchModule;
    this.bytesMax = bytesMax;
  }

  /** @throws FLV_SMARTMODULE_NOT_FOUND | FLV_SMARTMODULE_INVALID (broken gzip, details.where "payload") | what the link throws */
  module(name: string): Promise<LoadedModule> {
    let module = this.modules.get(name);
    if (module === undefined) {
      const modules = this.modules;
      module = this.load(name);
      modules.set(name, module);
      // what failed is asked for again the next time
      module.catch(() => modules.delete(name));
    }
    return module;
  }

  /** Modules are fetched anew from now on, also those on their way. */
  invalidate(): void {
    this.modules = new Map();
  }

  private async load(name: string): Promise<LoadedModule> {
    const stored = await this.fetchModule(name);
    if (stored === undefined) {
      throw flvError("FLV_SMARTMODULE_NOT_FOUND", `SmartModule not found: ${name}`, {
        details: { name },
        hint: "list the SmartModules of the cluster with `fluvio smartmodule list`",
      });
    }
    const { problem } = stored;
    if (problem !== undefined) throw cannotRun(name, problem);
    return { name: stored.name, wasm: await unpackModule(name, stored.payload, this.bytesMax) };
  }
}

/** The SC looked at it when it was stored. */
function cannotRun(name: string, problem: NonNullable<StoredModule["problem"]>): Error {
  return flvError("FLV_SMARTMODULE_INVALID", `SmartModule ${name} cannot run: ${problem.reason}`, {
    details: { name, reason: problem.reason, ...(problem.isPacked ? {} : { where: "payload" }) },
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
  });
}

/** The wasm in a gzip payload. @throws FLV_SMARTMODULE_INVALID with details.where "payload" */
export async function unpackModule(name: string, payload: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  try {
    return await gunzipAsync(payload, { maxOutputLength: bytesMax });
  } catch (cause) {
    throw flvError(
      "FLV_SMARTMODULE_INVALID",
      `SmartModule ${name} is no gzip of at most ${bytesMax} bytes of wasm: ${cause}`,
      {
        details: { name, where: "payload", bytesMax },
        hint: "send the wasm compressed with gzip",
        cause,
      },
    );
  }
}
