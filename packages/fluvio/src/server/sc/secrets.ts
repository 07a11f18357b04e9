import { flvError, SECRET_BYTES_MAX, type SecretEntry } from "../../protocol/index.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { didYouMean } from "./names.ts";
import { refusal } from "./refusal.ts";
import type { Sealer } from "./sealer.ts";
import type { ScContext } from "./stores.ts";

/** A secret as it is kept. */
export interface StoredSecret {
  readonly name: string;
  readonly sealed: Uint8Array;
  /** Milliseconds since 1970. */
  readonly setTimeMs: number;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Secrets of connectors, sealed. Who uses them, and what becomes of it when they change, is known elsewhere. */
export class Secrets {
  readonly #context: ScContext;
  readonly #sealer: Sealer;
  readonly #mutex = new KeyedMutex();
  readonly #stored: Map<string, StoredSecret>;

  constructor(context: ScContext, sealer: Sealer) {
    this.#context = context;
    this.#sealer = sealer;
    this.#stored = new Map(context.metadata.secrets().map((secret) => [secret.name, secret]));
  }

  get isEmpty(): boolean {
    return this.#stored.size === 0;
  }

  /** In order of the names. */
  list(): readonly Omit<SecretEntry, "usedBy">[] {
    const names = [...this.#stored.values()].map(({ name, setTimeMs }) => ({ name, setTimeMs }));
    return names.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The value; `undefined` when there is no such secret. @throws FLV_SECRET_KEY */
  async value(name: string): Promise<string | undefined> {
    const stored = this.#stored.get(name);
    if (stored === undefined) return undefined;
    return new TextDecoder().decode(await this.#sealer.unseal(label(name), stored.sealed));
  }

  /** @throws a refusal of a name or value that cannot be; FLV_SECRET_KEY | FLV_STORAGE | FLV_DISK_FULL */
  async set(name: string, value: Uint8Array): Promise<void> {
    if (!NAME.test(name)) {
      throw invalid(
        `Invalid secret name ${JSON.stringify(name)}: use up to 128 letters, digits and \`_\`, not starting with a digit`,
      );
    }
    if (value.length === 0) throw invalid(`The value of secret ${name} is empty`);
    if (value.length > SECRET_BYTES_MAX) {
      throw invalid(`The value of secret ${name} has ${value.length} bytes, the limit is ${SECRET_BYTES_MAX}`);
    }
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(value);
    } catch {
      throw invalid(`The value of secret ${name} is not UTF-8 text; encode it, for example as base64`);
    }
    await this.#mutex.run(name, async () => {
      const sealed = await this.#sealer.seal(label(name), value);
      const stored = { name, sealed, setTimeMs: this.#context.clock.nowMs() };
      await this.#context.metadata.commit([{ type: "putSecret", secret: stored }]);
      this.#stored.set(name, stored);
    });
  }

  /** @throws a refusal when there is no such secret */
  async delete(name: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      if (!this.#stored.has(name)) {
        const sentence = `Secret not found: ${name}.${didYouMean(name, [...this.#stored.keys()])} List them with \`fluvio secret list\``;
        throw refusal({ name: "Other", message: sentence }, sentence);
      }
      await this.#context.metadata.commit([{ type: "deleteSecret", name }]);
      this.#stored.delete(name);
    });
  }
}

const label = (name: string): string => `secret ${name}`;

function invalid(sentence: string): Error {
  return flvError("FLV_ARGUMENT", sentence);
}
