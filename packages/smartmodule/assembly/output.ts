import { Bytes } from "./bytes";

/** The key of the input record stays. */
export const KEY_KEPT: u8 = 0;
export const KEY_NONE: u8 = 1;
export const KEY_OWN: u8 = 2;

/**
 * A record to emit, with a value and, if wanted, another key: `Output.of(text).withKey("a")`. Without `withKey` or
 * `withoutKey` it has the key of the record that the function was called with.
 */
@final
export class Output {
  readonly value: Bytes;
  key: Bytes | null = null;
  keyMode: u8 = KEY_KEPT;

  constructor(value: Bytes) {
    this.value = value;
  }

  /** A record with this value: a text, bytes of any kind or, as JSON, an object of a `@json` class. */
  static of<T>(value: T): Output {
    if (value instanceof Bytes) return new Output(changetype<Bytes>(value));
    return new Output(Bytes.of<T>(value));
  }

  /** Gives it this key: a text or bytes of any kind. */
  withKey<T>(key: T): Output {
    this.key = key instanceof Bytes ? changetype<Bytes>(key) : Bytes.of<T>(key);
    this.keyMode = KEY_OWN;
    return this;
  }

  /** Gives it no key. */
  withoutKey(): Output {
    this.keyMode = KEY_NONE;
    return this;
  }
}
