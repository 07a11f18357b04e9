import { CATALOGUE } from "../catalogue/catalogue.ts";
import type { ConnectorConfig, ParameterValue } from "./config.ts";
import { canonicalKey, nearest, type ProblemPlace, problem } from "./problem.ts";
import { type Found, section } from "./section.ts";
import { mapOf, plain, type YamlMap } from "./yaml-source.ts";

/** Keys at the top of a file of the newer kind, beside the section of options. */
export const TODAY_KEYS = ["apiVersion", "meta", "transforms"];

/**
 * Names that the section of options may have in a file of the newer kind: those of the connector, with or without its
 * direction, and `custom`.
 * @param types under which the connector is known
 */
export function sectionNames(types: readonly string[]): readonly string[] {
  return [...new Set([...types.map((type) => type.replace(/-(?:source|sink)$/, "")), ...types, "custom"])];
}

/** Options stand in a section named after the connector (`http:`), or `custom`. */
export function optionSection(top: YamlMap, type: string, place: ProblemPlace): ConnectorConfig["parameters"] {
  const known = TODAY_KEYS.map(canonicalKey);
  const sections = top.entries.filter((entry) => !known.includes(canonicalKey(entry.key)));
  const names = namesFor(type, sections[0]?.key);
  const absent = TODAY_KEYS.filter((key) => !top.entries.some((one) => canonicalKey(one.key) === canonicalKey(key)));
  section({ ...top, entries: sections }, "", [...names, ...absent], place);
  const [first, second] = sections;
  if (second !== undefined) {
    throw problem(
      { ...place, line: second.line },
      `there is a second section of options, \`${second.key}\`, besides \`${first?.key}\``,
      `Keep the section of ${type}`,
      { key: second.key },
    );
  }
  return parameters(first, first?.key ?? "", place);
}

/** Of a connector of others any name is right that is not meant to be another key. */
function namesFor(type: string, found: string | undefined): readonly string[] {
  const official = CATALOGUE.filter(({ types }) => types.includes(type)).flatMap(({ types }) => types);
  if (official.length > 0) return sectionNames(official);
  const isMisspelt = found !== undefined && nearest(found, ["transforms", "apiVersion"]) !== undefined;
  return found === undefined || (isMisspelt && !type.includes(found)) ? ["custom"] : ["custom", found];
}

/** Options by name; `a-b` and `a_b` are one. */
export function parameters(entry: Found, path: string, place: ProblemPlace): ConnectorConfig["parameters"] {
  if (entry === undefined) return {};
  const found = new Map<string, ParameterValue>();
  for (const one of mapOf(entry.value, path, place).entries) {
    const twin = [...found.keys()].find((key) => canonicalKey(key) === canonicalKey(one.key));
    if (twin !== undefined) {
      const sentence = `\`${path}.${one.key}\` and \`${path}.${twin}\` are the same key`;
      throw problem({ ...place, line: one.line }, sentence, "Keep one of them", { key: one.key });
    }
    found.set(one.key, plain(one.value));
  }
  return Object.fromEntries(found);
}
