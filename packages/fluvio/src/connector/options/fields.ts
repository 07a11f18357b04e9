import { z } from "zod";
import { parseSizeBytes } from "../../client/index.ts";
import type { ParameterValue } from "../file/config.ts";
import { parseDuration } from "../file/durations.ts";
import { canonicalKey } from "../file/problem.ts";

/**
 * Fields of a connector's configuration. A connector file carries text (numbers and booleans are converted to their
 * text when it is loaded), so each field here starts from text and gives the value the connector works with.
 */

export interface FieldText {
  /** One sentence: what the option does. */
  readonly doc: string;
  /** Further names under which the option is accepted. */
  readonly aliases?: readonly string[];
  /** Whether the value must never be shown, such as a password or a URL that holds one. */
  readonly isSecret?: boolean;
  /** Name of the secret whose value is taken when the option is absent. */
  readonly secret?: string;
  /**
   * Of an option that may hold a path: the text with absolute paths. The commands call it with what makes a path absolute
   * that is relative to the connector's file, as the connector runs elsewhere.
   */
  readonly absolute?: AbsoluteText;
}

/** Makes the paths in an option's text absolute by `resolve`; a text without any stays as it is. */
export type AbsoluteText = (text: string, resolve: (path: string) => string) => string;

export interface FieldMeta {
  readonly description: string;
  readonly kind: string;
  readonly aliases: readonly string[];
  /** Text that stands for the key when it is absent. */
  readonly default?: string;
  /** The value is never shown: not in descriptions, not in logs. */
  readonly isSecret: boolean;
  /** Name of the secret that stands in for the option. */
  readonly secret?: string;
  /** Of an option that may hold a path. */
  readonly absolute?: AbsoluteText;
  /** Of a map: its keys. */
  readonly fields?: Fields;
  /** Of a number: the least and the greatest. */
  readonly bounds?: { readonly min: number; readonly max: number };
}

type Fields = Readonly<Record<string, z.ZodType>>;
type Bounds = NonNullable<FieldMeta["bounds"]>;

const metaOf = (text: FieldText & Fallback, kind: string) => ({
  description: text.secret === undefined ? text.doc : `${text.doc}; when absent, the secret \`${text.secret}\``,
  kind,
  aliases: text.aliases ?? [],
  isSecret: text.isSecret ?? text.secret !== undefined,
  ...(text.secret === undefined ? {} : { secret: text.secret }),
  ...(text.absolute === undefined ? {} : { absolute: text.absolute }),
  ...(text.default === undefined ? {} : { defaultText: text.default }),
});

/** What is known of a field for messages and the reference: its kind in words, its documentation, its other names. */
export function fieldMeta(schema: z.ZodType): FieldMeta {
  const meta = schema.meta() ?? {};
  return {
    description: typeof meta.description === "string" ? meta.description : "",
    kind: typeof meta.kind === "string" ? meta.kind : "text",
    aliases: Array.isArray(meta.aliases) ? meta.aliases.filter((one) => typeof one === "string") : [],
    isSecret: meta.isSecret === true,
    ...(typeof meta.secret === "string" ? { secret: meta.secret } : {}),
    ...(typeof meta.absolute === "function" ? { absolute: meta.absolute as AbsoluteText } : {}),
    ...(typeof meta.defaultText === "string" ? { default: meta.defaultText } : {}),
    ...(typeof meta.bounds === "object" && meta.bounds !== null ? { bounds: meta.bounds as Bounds } : {}),
    ...(typeof meta.fields === "object" && meta.fields !== null ? { fields: meta.fields as Fields } : {}),
  };
}

function converted<T>(expected: string, convert: (text: string) => T | undefined) {
  return z.string(`is not ${expected}`).transform((text, context): T => {
    let result: T | undefined;
    try {
      result = convert(text);
    } catch {
      // The parser's own sentence does not know the file and the key; the issue below is put into one that does.
      result = undefined;
    }
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: `is not ${expected}` });
    return z.NEVER;
  });
}

/** The parts of a field that only matter when the key is absent. */
export interface Fallback {
  /** Text taken when the key is absent; without it the key is required. */
  readonly default?: string;
}

function withFallback<S extends z.ZodType<unknown, string>>(schema: S, text: FieldText & Fallback, kind: string) {
  const full = text.default === undefined ? schema : schema.prefault(text.default as z.input<S>);
  return full.meta(metaOf(text, kind)) as unknown as z.ZodType<z.output<S>>;
}

/** Any text. */
export function text(options: FieldText & Fallback): z.ZodType<string> {
  return withFallback(z.string("is not text"), options, "text");
}

/** Text that may be absent. */
export function optionalText(options: FieldText): z.ZodType<string | undefined> {
  return z.string("is not text").optional().meta(metaOf(options, "text"));
}

const absolutePath: AbsoluteText = (given, resolve) => resolve(given);

/** Path of a file or a folder, or a pattern of such. A relative one begins in the folder of the connector's file. */
export function path(options: FieldText & Fallback): z.ZodType<string> {
  return withFallback(z.string("is not a path"), { absolute: absolutePath, ...options }, "path");
}

/** As {@link path}, and it may be absent. */
export function optionalPath(options: FieldText): z.ZodType<string | undefined> {
  return z
    .string("is not a path")
    .optional()
    .meta(metaOf({ absolute: absolutePath, ...options }, "path"));
}

/** PEM text, or the path of a file that holds it; may be absent. */
export function optionalPem(options: FieldText): z.ZodType<string | undefined> {
  return optionalText({ absolute: absolutePem, ...options });
}

/** As {@link optionalPem}, and required. */
export function pem(options: FieldText): z.ZodType<string> {
  return text({ absolute: absolutePem, ...options });
}

const absolutePem: AbsoluteText = (given, resolve) => (given.includes("-----BEGIN") ? given : resolve(given));

/** A span of time in milliseconds: `10s`, `1 m`, `150ms`, `{ secs: 1, nanos: 0 }`; a bare number means seconds. */
export function duration(options: FieldText & Fallback & { readonly minMs?: number }): z.ZodType<number> {
  const min = options.minMs ?? 0;
  const expected = `a duration${min > 0 ? ` of at least ${min} ms` : ""} such as 10s, 1m or 150ms`;
  const schema = converted(expected, (given) => {
    const ms = parseDuration(given);
    return Number.isFinite(ms) && ms >= min ? ms : undefined;
  });
  return withFallback(z.preprocess(secondsAndNanos, schema) as z.ZodType<number, string>, options, "duration");
}

/** The form of a duration that files of the newer kind have, as text. */
function secondsAndNanos(given: unknown): unknown {
  if (typeof given !== "object" || given === null || !("secs" in given)) return given;
  const { secs, nanos = "0", ...rest } = given as Readonly<Record<string, unknown>>;
  const ms = Number(secs) * 1000 + Number(nanos) / 1e6;
  return Object.keys(rest).length === 0 && Number.isFinite(ms) ? `${Math.round(ms)}ms` : given;
}

/** A size in bytes: `1 MB`, `2KB`, `1KiB`, `512`. */
export function byteSize(options: FieldText & Fallback): z.ZodType<number> {
  const schema = converted("a size such as 64KB, 1 MB or 1MiB", (given) => {
    const bytes = parseSizeBytes(given);
    return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
  });
  return withFallback(schema, options, "size");
}

/** A whole number within bounds. */
export function integer(
  options: FieldText & Fallback & { readonly min: number; readonly max: number },
): z.ZodType<number> {
  const schema = converted(`a whole number from ${options.min} to ${options.max}`, (given) => {
    const parsed = /^-?\d+$/.test(given.trim()) ? Number(given) : Number.NaN;
    return parsed >= options.min && parsed <= options.max ? parsed : undefined;
  });
  const { min, max } = options;
  const field = withFallback(schema, options, "integer");
  return field.meta({ ...field.meta(), bounds: { min, max } });
}

/** `true` or `false`. */
export function flag(options: FieldText & Fallback): z.ZodType<boolean> {
  const schema = converted("true or false", (given) =>
    given === "true" ? true : given === "false" ? false : undefined,
  );
  return withFallback(schema, options, "true or false");
}

/** One of a few words, whatever their case. */
export function oneOf<const W extends string>(
  words: readonly W[],
  options: FieldText & { readonly default?: W },
): z.ZodType<W> {
  const expected = `one of ${words.join(", ")}`;
  const schema = converted(expected, (given) => words.find((word) => word.toLowerCase() === given.toLowerCase()));
  return withFallback(schema, options, expected);
}

/** An absolute http or https URL. */
export function httpUrl(options: FieldText): z.ZodType<URL> {
  const schema = converted("an http or https URL such as https://example.com/data", (given) => {
    const url = new URL(given);
    return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
  });
  return withFallback(schema, options, "URL");
}

/**
 * An absolute URL of one of a few schemes, such as `["postgres", "postgresql"]`.
 * @param options `bareScheme`: taken for a bare `host:port`
 */
export function url(
  schemes: readonly string[],
  options: FieldText & Fallback & { readonly bareScheme?: string },
): z.ZodType<URL> {
  const { bareScheme } = options;
  const schema = converted(`a URL that begins with ${schemes.map((one) => `${one}://`).join(" or ")}`, (given) => {
    const parsed = new URL(bareScheme === undefined || given.includes("://") ? given : `${bareScheme}://${given}`);
    return schemes.includes(parsed.protocol.slice(0, -1)) ? parsed : undefined;
  });
  return withFallback(schema, options, "URL");
}

/** Text that the connector's own function reads; what it cannot read (a throw or `undefined`) is refused as not `expected`. */
export function parsed<T>(
  expected: string,
  parse: (text: string) => T | undefined,
  options: FieldText & Fallback & { readonly kind: string },
): z.ZodType<T> {
  return withFallback(converted(expected, parse), options, options.kind);
}

/** As {@link parsed}, and it may be absent. */
export function optionalParsed<T>(
  expected: string,
  parse: (text: string) => T | undefined,
  options: FieldText & { readonly kind: string },
): z.ZodType<T | undefined> {
  return converted(expected, parse).optional().meta(metaOf(options, options.kind)) as unknown as z.ZodType<
    T | undefined
  >;
}

/** A text, list or map that the connector's own function reads, and that may be absent. What it throws is read behind the key. */
export function nested<T>(
  read: (given: ParameterValue) => T,
  options: FieldText & { readonly kind: string },
): z.ZodType<T | undefined> {
  const schema = z.unknown().transform((given, context): T | undefined => {
    if (given === undefined) return undefined;
    try {
      return read(given as ParameterValue);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
      return z.NEVER;
    }
  });
  return schema.optional().meta(metaOf(options, options.kind)) as unknown as z.ZodType<T | undefined>;
}

/** Several texts: a list, or one text with commas between them (unless `commas` is false). At least one. */
export function texts(options: FieldText & Fallback & { readonly commas?: boolean }): z.ZodType<readonly string[]> {
  const given = z.union([z.string(), z.array(z.string())], "is not a list of texts");
  const full = options.default === undefined ? given : given.prefault(options.default);
  return full
    .transform((value, context): readonly string[] => {
      const list = typeof value !== "string" ? value : options.commas === false ? [value] : value.split(",");
      const found = list.map((one) => one.trim());
      if (found.length === 0 || found.includes("")) context.addIssue({ code: "custom", message: "has an empty entry" });
      return found;
    })
    .meta(metaOf(options, "list of texts")) as unknown as z.ZodType<readonly string[]>;
}

/** As {@link texts}, and it may be absent. */
export function optionalTexts(
  options: FieldText & { readonly commas?: boolean },
): z.ZodType<readonly string[] | undefined> {
  return texts(options).optional().meta(metaOf(options, "list of texts"));
}

/** `name:value` pairs, written as a list of texts, one text, or a map. Split at the first colon. */
export function pairs(options: FieldText): z.ZodType<readonly (readonly [string, string])[]> {
  const given = z.union(
    [z.string(), z.array(z.string()), z.record(z.string(), z.string())],
    "is not a list of `name: value` pairs",
  );
  return given
    .prefault([])
    .transform((value, context): readonly (readonly [string, string])[] => {
      if (typeof value === "object" && !Array.isArray(value)) return Object.entries(value);
      const found: (readonly [string, string])[] = [];
      for (const line of typeof value === "string" ? [value] : value) {
        const colon = line.indexOf(":");
        if (colon > 0) found.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
        else context.addIssue({ code: "custom", message: `has ${JSON.stringify(line)}, which is not \`name:value\`` });
      }
      return found;
    })
    .meta(metaOf(options, "list of name:value")) as unknown as z.ZodType<readonly (readonly [string, string])[]>;
}

/** A map with keys of its own, found under `_` and `-` alike; `undefined` when it is absent. */
export function map<F extends Fields>(fields: F, options: FieldText): z.ZodType<z.output<z.ZodObject<F>> | undefined> {
  const inner = z.object(fields);
  const keys = Object.keys(fields);
  const found = z
    .record(z.string(), z.unknown(), "is not a map of keys")
    .transform((given, context): z.output<z.ZodObject<F>> => {
      const known: Record<string, unknown> = {};
      for (const [written, value] of Object.entries(given)) {
        const key = keys.find((one) => canonicalKey(one) === canonicalKey(written));
        if (key !== undefined) known[key] = value;
        else
          context.addIssue({ code: "custom", message: `has the unknown key \`${written}\`: write ${keys.join(", ")}` });
      }
      const result = inner.safeParse(known);
      if (result.success) return result.data;
      const issue = result.error.issues[0];
      const key = String(issue?.path[0] ?? "");
      const value = known[key] === undefined ? "nothing" : JSON.stringify(known[key]);
      context.addIssue({
        code: "custom",
        message: `has ${value} for \`${key}\`, which ${issue?.message ?? "is not valid"}`,
      });
      return z.NEVER;
    })
    .optional();
  return found.meta({ ...metaOf(options, `map of ${keys.join(", ")}`), fields }) as unknown as z.ZodType<
    z.output<z.ZodObject<F>> | undefined
  >;
}
