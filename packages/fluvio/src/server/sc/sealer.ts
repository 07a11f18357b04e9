import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { link, open, readFile, unlink } from "node:fs/promises";
import { flvError } from "../../protocol/index.ts";
import { messageOf } from "../message-of.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of what is sealed: how the rest is laid out. No text begins with it. */
const LAYOUT = 1;
const HEADER_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

export interface SealerOptions {
  /** File of the key, 64 hexadecimal digits; made when the first thing is sealed, for this user only. */
  readonly keyPath: string;
  /** Whether something is kept that was sealed: a new key would be of no use for it. */
  holdsSealed(): boolean;
}

/**
 * Keeps secrets unreadable on disk: AES-256-GCM with a nonce of its own for every value, the value's name as additional
 * data, so that one cannot be put in the place of another. Laid out as one byte 1, nonce (12), tag (16), ciphertext.
 */
export class Sealer {
  readonly #options: SealerOptions;
  #key: Promise<Buffer> | undefined;

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** @throws FLV_SECRET_KEY when the key is missing or damaged | FLV_FILE when it cannot be made */
  async seal(name: string, plain: Uint8Array): Promise<Uint8Array> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, await this.#usableKey(!this.#options.holdsSealed()), nonce);
    cipher.setAAD(Buffer.from(name));
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([Uint8Array.of(LAYOUT), nonce, cipher.getAuthTag(), sealed]);
  }

  /** @throws FLV_SECRET_KEY when the key is missing, damaged or another one */
  async unseal(name: string, sealed: Uint8Array): Promise<Uint8Array> {
    const key = await this.#usableKey(false);
    try {
      const decipher = createDecipheriv(CIPHER, key, sealed.subarray(1, 1 + NONCE_BYTES));
      decipher.setAAD(Buffer.from(name));
      decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEADER_BYTES));
      return Buffer.concat([decipher.update(sealed.subarray(HEADER_BYTES)), decipher.final()]);
    } catch (cause) {
      const { keyPath } = this.#options;
      throw flvError("FLV_SECRET_KEY", `The key in ${keyPath} is not the one that ${name} was sealed with`, {
        details: { keyPath, name },
        hint: "Restore the key file from a copy, or set it again",
        cause,
      });
    }
  }

  #usableKey(mayMake: boolean): Promise<Buffer> {
    this.#key ??= this.#readOrMake(mayMake).catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async #readOrMake(mayMake: boolean): Promise<Buffer> {
    const { keyPath } = this.#options;
    const known = await readKey(keyPath);
    if (known !== undefined) return known;
    if (!mayMake) {
      throw flvError("FLV_SECRET_KEY", `The key of the secrets, ${keyPath}, is missing`, {
        details: { keyPath },
        hint: "Restore the file from a copy; without it, delete the secrets and the connectors that hold some, and make them anew",
      });
    }
    return await makeKey(keyPath);
  }
}

/** Whether these bytes are sealed. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes[0] === LAYOUT;
}

async function readKey(keyPath: string): Promise<Buffer | undefined> {
  let text: string;
  try {
    text = (await readFile(keyPath, "utf8")).trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw flvError("FLV_SECRET_KEY", `The key of the secrets, ${keyPath}, cannot be read: ${messageOf(cause)}`, {
      details: { keyPath },
      hint: "Give it back to the user that runs the cluster",
      cause,
    });
  }
  if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, "hex");
  throw flvError("FLV_SECRET_KEY", `The key of the secrets, ${keyPath}, is damaged: it is not 64 hexadecimal digits`, {
    details: { keyPath },
    hint: "Restore the file from a copy",
  });
}

/** The file appears whole or not at all, and never in the place of another. @throws FLV_FILE */
async function makeKey(keyPath: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES);
  const draft = `${keyPath}.new`;
  try {
    await unlink(draft).catch(() => {});
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(`${key.toString("hex")}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, keyPath);
    await unlink(draft);
    return key;
  } catch (cause) {
    throw flvError("FLV_FILE", `The key of the secrets, ${keyPath}, cannot be made: ${messageOf(cause)}`, {
      details: { keyPath },
      hint: "Check the data folder's permissions and the space on its disk",
      cause,
    });
  }
}
