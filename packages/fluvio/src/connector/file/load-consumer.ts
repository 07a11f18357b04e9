import type { ConnectorConfig } from "./config.ts";
import { canonicalKey, type ProblemPlace, problem } from "./problem.ts";
import { choice, type Found, measured, type Section, section } from "./section.ts";
import { mapOf, textOf, type YamlEntry, type YamlMap, type YamlValue } from "./yaml-source.ts";

type ConsumerSection = NonNullable<ConnectorConfig["consumer"]>;

/** Keys of the `consumer` section. */
export const CONSUMER_KEYS = ["partition", "max-bytes", "id", "offset"] as const;
const START_WORDS = ["beginning", "end"] as const;
const START_FORMS = ["absolute", "from-beginning", "from-end"] as const;
const STRATEGIES = ["none", "manual", "auto"] as const;
/** Letters that need no quoting anywhere; as in the rule for topics, but upper case too. */
const CONSUMER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** The `consumer` section: checked, and kept as it was written. */
export function consumerSection(keys: Section, path: string, place: ProblemPlace): ConsumerSection | undefined {
  const entry = keys.get("consumer");
  if (entry === undefined) return undefined;
  const inner = section(mapOf(entry.value, path, place), path, CONSUMER_KEYS, place);
  const maxBytes = measured(inner, "max-bytes", "size", place);
  const partition = partitions(inner.get("partition"), `${path}.partition`, place);
  const id = consumerId(inner, place);
  const offset = offsetSection(inner.get("offset"), `${path}.offset`, place);
  return {
    ...(partition === undefined ? {} : { partition }),
    ...(maxBytes === undefined ? {} : { "max-bytes": maxBytes }),
    ...(id === undefined ? {} : { id }),
    ...(offset === undefined ? {} : { offset }),
  };
}

function partitions(entry: Found, path: string, place: ProblemPlace): ConsumerSection["partition"] {
  if (entry === undefined) return undefined;
  const { value } = entry;
  const one = (item: YamlValue): string => {
    const given = textOf(item, path, place);
    if (/^\d{1,9}$/.test(given) || (given === "all" && item === value)) return given;
    const sentence = `\`${path}\` ${JSON.stringify(given)} is not a partition`;
    throw problem({ ...place, line: item.line }, sentence, "Write a number, a list of numbers, or `all`", {
      key: path,
      value: given,
    });
  };
  if (value.kind !== "list") return one(value);
  if (value.items.length > 0) return value.items.map(one);
  throw problem({ ...place, line: value.line }, `\`${path}\` is an empty list`, "Write a number, a list, or `all`", {
    key: path,
  });
}

function consumerId(keys: Section, place: ProblemPlace): string | undefined {
  const id = keys.text("id");
  if (id === undefined || CONSUMER_ID.test(id)) return id;
  const sentence = `\`${keys.path}.id\` ${JSON.stringify(id)} is not a valid consumer id`;
  throw problem({ ...place, line: keys.get("id")?.line }, sentence, "Use 1 to 128 letters, digits, `-`, `_` and `.`");
}

function offsetSection(entry: Found, path: string, place: ProblemPlace): ConsumerSection["offset"] {
  if (entry === undefined) return undefined;
  const keys = section(mapOf(entry.value, path, place), path, ["start", "strategy", "flush-period"], place);
  const strategy = choice(keys, "strategy", STRATEGIES, place);
  const start = startOffset(keys.get("start"), `${path}.start`, place);
  const period = flushPeriod(keys, `${path}.flush-period`, place);
  return {
    ...(start === undefined ? {} : { start }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(period === undefined ? {} : { "flush-period": period }),
  };
}

function startOffset(
  entry: Found,
  path: string,
  place: ProblemPlace,
): string | Readonly<Record<string, string>> | undefined {
  if (entry === undefined) return undefined;
  const at = { ...place, line: entry.line };
  const hint = "Write `beginning`, `end`, or one of `{ absolute: N }`, `{ from-beginning: N }`, `{ from-end: N }`";
  if (entry.value.kind !== "map") {
    const given = textOf(entry.value, path, place);
    const word = START_WORDS.find((one) => one === given.toLowerCase());
    if (word !== undefined) return word;
    throw problem(at, `\`${path}\` is ${JSON.stringify(given)}: unknown variant`, hint, { key: path, value: given });
  }
  const form = onlyEntry(entry.value, path, at, hint);
  const key = START_FORMS.find((one) => one === canonicalKey(form.key));
  const count = textOf(form.value, `${path}.${form.key}`, place);
  if (key !== undefined && /^\d{1,15}$/.test(count)) return { [key]: count };
  const sentence = `\`${path}\` is { ${form.key}: ${count} }, which is not an offset`;
  throw problem({ ...place, line: form.line }, sentence, hint, { key: path, value: count });
}

function onlyEntry(map: YamlMap, path: string, place: ProblemPlace, hint: string): YamlEntry {
  const [only, second] = map.entries;
  if (only !== undefined && second === undefined) return only;
  throw problem(place, `\`${path}\` has ${map.entries.length} keys, not one`, hint, { key: path });
}

/** `{ secs, nanos }`, as the original has it, or a duration such as `10s`. */
function flushPeriod(keys: Section, path: string, place: ProblemPlace): string | undefined {
  const entry = keys.get("flush-period");
  if (entry?.value.kind !== "map") return measured(keys, "flush-period", "duration", place);
  const parts = section(entry.value, path, ["secs", "nanos"], place);
  const number = (key: string): number => {
    const given = parts.text(key) ?? "0";
    if (/^\d{1,12}$/.test(given)) return Number(given);
    const sentence = `\`${path}.${key}\` ${JSON.stringify(given)} is not a number`;
    throw problem({ ...place, line: parts.get(key)?.line }, sentence, "Write `{ secs: 10, nanos: 0 }`, or `10s`");
  };
  return `${number("secs") * 1000 + number("nanos") / 1e6}ms`;
}
