import { type FluvioError, type FluvioErrorCode, flvError } from "./errors.ts";
import { type Codec, type Infer, type InputOf, unknownTag } from "./schema.ts";
import { WIRE_ERRORS, type WireErrorContext, type WireErrorRow } from "./wire-error-table.ts";

type Table = typeof WIRE_ERRORS;
/** Name of an error code, as the original spells it. */
export type WireErrorName = keyof Table;
type Flatten<T> = { readonly [K in keyof T]: T[K] };

/** An error code with its payload; `{ name: "None" }` is success. */
export type WireError = {
  [K in WireErrorName]: Flatten<{ name: K } & Infer<Table[K]["payload"]>>;
}[WireErrorName];
/** As {@link WireError}, for encoding. */
export type WireErrorInput = {
  [K in WireErrorName]: Flatten<{ name: K } & InputOf<Table[K]["payload"]>>;
}[WireErrorName];
/** Payload of the code `K`. */
export type WireErrorPayload<K extends WireErrorName> = InputOf<Table[K]["payload"]>;

const ROWS: Readonly<Record<string, WireErrorRow>> = WIRE_ERRORS as unknown as Readonly<Record<string, WireErrorRow>>;
const NAMES_BY_NUMBER: ReadonlyMap<number, string> = new Map(
  Object.entries(ROWS).map(([name, { number }]) => [number, name]),
);

/** Success. */
export const NO_ERROR: WireError = { name: "None" };

function rowOf(name: string): WireErrorRow {
  const row = Object.hasOwn(ROWS, name) ? ROWS[name] : undefined;
  if (row === undefined) throw flvError("FLV_ENCODE", `"${name}" is no error code of the wire`);
  return row;
}

/** An `i16` number, then the payload of that code. */
export const ErrorCode: Codec<WireError, WireErrorInput> = {
  read: (r, version) => {
    const number = r.i16();
    if (number === 0) return NO_ERROR;
    const name = NAMES_BY_NUMBER.get(number);
    if (name === undefined) throw unknownTag("ErrorCode", number, r.pos - 2);
    return { name, ...(rowOf(name).payload.read(r, version) as object) } as WireError;
  },
  write: (w, value, version) => {
    const row = rowOf(value.name);
    w.i16(row.number);
    row.payload.write(w, value, version);
  },
  empty: () => NO_ERROR,
  shape: { kind: "special", name: "ErrorCode", text: "`i16` number, then the payload of that code" },
};

/** Makes the wire's error `name`; codes with a payload need it. */
export function wireError<K extends WireErrorName>(
  name: K,
  ...payload: keyof WireErrorPayload<K> extends never ? [] : [WireErrorPayload<K>]
): Extract<WireError, { name: K }> {
  return { name, ...payload[0] } as unknown as Extract<WireError, { name: K }>;
}

/** The number of an error code. */
export function wireErrorNumber(name: WireErrorName): number {
  return rowOf(name).number;
}

/** What a user reads of an error: the sentence alone, without a hint. */
export function wireErrorSentence(error: WireError, context: WireErrorContext = {}): string {
  return rowOf(error.name).sentence(error, context);
}

/** What the message of an {@link wireError | Other} begins with when a SmartModule broke: it has no code of its own. */
const BROKEN_SMARTMODULE = "SmartModule err ";

/** What comes next when it crossed a limit, for which the wire has no code either. */
const CROSSED_LIMITS: readonly (readonly [words: string, code: FluvioErrorCode])[] = [
  ["time limit: ", "FLV_SMARTMODULE_TIME_LIMIT"],
  ["memory limit: ", "FLV_SMARTMODULE_MEMORY_LIMIT"],
  ["output limit: ", "FLV_SMARTMODULE_OUTPUT_LIMIT"],
];

/** The message of an {@link wireError | Other} of which {@link toFluvioError} makes an error of a broken SmartModule's code. */
export function brokenSmartModuleMessage({ code, message }: FluvioError): string {
  const [limit = ""] = CROSSED_LIMITS.find(([, crossed]) => crossed === code) ?? [];
  return `${BROKEN_SMARTMODULE}${limit}${message}`;
}

/** Code and sentence of what {@link brokenSmartModuleMessage} has made; nothing for another message. */
function brokenSmartModule(message: string): CodedMessage | undefined {
  if (!message.startsWith(BROKEN_SMARTMODULE)) return undefined;
  const sentence = message.slice(BROKEN_SMARTMODULE.length);
  const [words = "", code = "FLV_SMARTMODULE_RUNTIME"] =
    CROSSED_LIMITS.find(([limit]) => sentence.startsWith(limit)) ?? [];
  return { code, sentence: sentence.slice(words.length) };
}

/** What the message of an {@link wireError | Other} begins with when it is about the kept state of an aggregate. */
const AGGREGATE_STATE = "Aggregate state err ";

/** The message of an {@link wireError | Other} of which {@link toFluvioError} makes FLV_AGGREGATE_STATE and its hint. */
export function aggregateStateMessage({ message, hint }: FluvioError): string {
  return `${AGGREGATE_STATE}${message}${hint === undefined ? "" : ` (${hint})`}`;
}

interface CodedMessage {
  readonly code: FluvioErrorCode;
  readonly sentence: string;
  readonly hint?: string | undefined;
}

/** What {@link aggregateStateMessage} was made of; nothing for another message. */
function aggregateState(message: string): CodedMessage | undefined {
  if (!message.startsWith(AGGREGATE_STATE)) return undefined;
  const text = message.slice(AGGREGATE_STATE.length);
  const [, sentence = text, hint] = /^(.*) \(([^()]+)\)$/s.exec(text) ?? [];
  return { code: "FLV_AGGREGATE_STATE", sentence, hint };
}

/** The error to throw for one that came over the wire. `details` holds its name, number, payload and the context. */
export function toFluvioError(error: WireError, context: WireErrorContext = {}): FluvioError {
  const row = rowOf(error.name);
  const { name, ...payload } = error;
  const sentence = row.sentence(error, context);
  const coded = name === "Other" ? (brokenSmartModule(sentence) ?? aggregateState(sentence)) : undefined;
  const hint = coded?.hint ?? row.hint;
  return flvError(coded?.code ?? row.code, coded?.sentence ?? sentence, {
    details: { ...context, ...payload, wireError: name, wireNumber: row.number },
    retriable: row.retriable,
    ...(hint === undefined ? {} : { hint }),
  });
}
