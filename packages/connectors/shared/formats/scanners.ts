import type { RecordScanner } from "./framer.ts";

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** A record is what stands before a line feed. */
export class LineScanner implements RecordScanner {
  next(bytes: Uint8Array, from: number): number {
    return bytes.indexOf(NEWLINE, from) + 1 || -1;
  }

  endsRecord(): boolean {
    return true;
  }
}

/** A record is a row of CSV: line breaks within quotes belong to it. */
export class RowScanner implements RecordScanner {
  readonly #delimiter: number;
  #isQuoted = false;
  #isFieldStart = true;

  constructor(delimiter: number) {
    this.#delimiter = delimiter;
  }

  next(bytes: Uint8Array, from: number): number {
    let isQuoted = this.#isQuoted;
    let isFieldStart = this.#isFieldStart;
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at];
      if (isQuoted) {
        // A doubled quote closes and opens again, which comes to the same.
        if (byte === QUOTE) isQuoted = false;
        isFieldStart = byte === QUOTE;
      } else if (byte === QUOTE && isFieldStart) {
        isQuoted = true;
      } else if (byte === NEWLINE) {
        this.#isQuoted = false;
        this.#isFieldStart = true;
        return at + 1;
      } else {
        isFieldStart = byte === this.#delimiter;
      }
    }
    this.#isQuoted = isQuoted;
    this.#isFieldStart = isFieldStart;
    return -1;
  }

  endsRecord(): boolean {
    return !this.#isQuoted;
  }
}

const IN_ARRAY = "array";
type Token = "none" | "container" | "string" | "scalar";

/**
 * A record is a JSON value: one of those that follow each other, with or without line breaks, or an element of an array
 * at the top. What separates values stands before them.
 */
export class JsonScanner implements RecordScanner {
  #isInArray: boolean;
  #token: Token = "none";
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #tokenSizeBytes = 0;
  #recordSizeBytes = 0;

  constructor(state: string | undefined) {
    this.#isInArray = state === IN_ARRAY;
  }

  get state(): string | undefined {
    return this.#isInArray ? IN_ARRAY : undefined;
  }

  get recordSizeBytes(): number {
    return this.#recordSizeBytes;
  }

  endsRecord(): boolean {
    this.#recordSizeBytes = this.#tokenSizeBytes;
    return this.#token === "none" || this.#token === "scalar";
  }

  next(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.#isInString) {
        this.#inString(byte);
        if (!this.#isInString && this.#token === "string") return this.#ended(at + 1);
      } else if (this.#token === "none") {
        this.#begin(byte);
      } else if (this.#token === "scalar") {
        if (isSeparator(byte) || byte === CLOSING_BRACKET) return this.#ended(at);
        this.#tokenSizeBytes++;
      } else {
        this.#tokenSizeBytes++;
        if (byte === QUOTE) this.#isInString = true;
        else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) this.#depth++;
        else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) this.#depth--;
        if (this.#depth === 0) return this.#ended(at + 1);
      }
    }
    return -1;
  }

  #inString(byte: number): void {
    this.#tokenSizeBytes++;
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#isInString = false;
  }

  #begin(byte: number): void {
    if (isSeparator(byte)) return;
    if (byte === OPENING_BRACKET && !this.#isInArray) {
      this.#isInArray = true;
      return;
    }
    if (byte === CLOSING_BRACKET && this.#isInArray) {
      this.#isInArray = false;
      return;
    }
    this.#tokenSizeBytes = 1;
    if (byte === QUOTE) {
      this.#token = "string";
      this.#isInString = true;
    } else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) {
      this.#token = "container";
      this.#depth = 1;
    } else this.#token = "scalar";
  }

  #ended(end: number): number {
    this.#token = "none";
    this.#recordSizeBytes = this.#tokenSizeBytes;
    this.#tokenSizeBytes = 0;
    return end;
  }
}

function isSeparator(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB || byte === COMMA;
}
