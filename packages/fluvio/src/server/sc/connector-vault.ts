import { withoutSecrets } from "./connector-config.ts";
import { isSealed, type Sealer } from "./sealer.ts";

/** A connector's configuration, and as it may be shown. */
export interface KnownConfig {
  readonly config: Uint8Array;
  /** Without secrets. */
  readonly shown: Uint8Array;
}

export function holdsSecrets({ config, shown }: KnownConfig): boolean {
  return Buffer.compare(config, shown) !== 0;
}

/** How configurations are kept: one that holds secrets is sealed, together with what may be shown of it. */
export class ConnectorVault {
  readonly #sealer: Sealer;

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  /** @throws FLV_SECRET_KEY | FLV_FILE */
  async pack(name: string, known: KnownConfig): Promise<Uint8Array> {
    const { config, shown } = known;
    if (!holdsSecrets(known)) return config;
    const both = JSON.stringify({ config: text(config), shown: text(shown) });
    return await this.#sealer.seal(label(name), new TextEncoder().encode(both));
  }

  /** @throws FLV_SECRET_KEY */
  async unpack(name: string, kept: Uint8Array): Promise<KnownConfig> {
    if (!isSealed(kept)) return { config: kept, shown: withoutSecrets(kept) };
    const both = JSON.parse(text(await this.#sealer.unseal(label(name), kept))) as { config: string; shown: string };
    return { config: new TextEncoder().encode(both.config), shown: new TextEncoder().encode(both.shown) };
  }
}

const label = (name: string): string => `connector ${name}`;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
