import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { flvError } from "../../protocol/index.ts";

const gunzipAsync = promisify(gunzip);

/** A SmartModule as the SC stores it. */
export interface StoredModule {
  readonly name: string;
  /** gzip of the wasm. */
  readonly payload: Uint8Array;
}

/**
 * The SmartModules that streams asked for by name, as wasm. Emptied when the SC says that any changed: names with
 * and without group and version stand for the same module, and changes are rare.
 */
export class ModuleCache {
  private modules = new Map<string, Promise<Uint8Array>>();
  private readonly fetchModule: (name: string) => Promise<StoredModule | undefined>;
  private readonly bytesMax: number;

  constructor(fetchModule: (name: string) => Promise<StoredModule | undefined>, bytesMax: number) {
    this.fetchModule = fetchModule;
    this.bytesMax = bytesMax;
  }

  /** @throws FLV_SMARTMODULE_NOT_FOUND | FLV_SMARTMODULE_INVALID (broken gzip, details.where "payload") | what the link throws */
  wasm(name: string): Promise<Uint8Array> {
    let wasm = this.modules.get(name);
    if (wasm === undefined) {
      const modules = this.modules;
      wasm = this.load(name);
      modules.set(name, wasm);
      // what failed is asked for again the next time
      wasm.catch(() => modules.delete(name));
    }
    return wasm;
  }

  /** Modules are fetched anew from now on, also those on their way. */
  invalidate(): void {
    this.modules = new Map();
  }

  private async load(name: string): Promise<Uint8Array> {
    const stored = await this.fetchModule(name);
    if (stored === undefined) {
      throw flvError("FLV_SMARTMODULE_NOT_FOUND", `SmartModule not found: ${name}`, {
        details: { name },
        hint: "list the SmartModules of the cluster with `fluvio smartmodule list`",
      });
    }
    return unpackModule(name, stored.payload, this.bytesMax);
  }
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
