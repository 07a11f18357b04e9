import { fail, Params, SmartRecord } from "@fluvio/smartmodule";
import { listOf } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { Members } from "../shared/json/walk";
import { ON_ERROR, Options } from "../shared/options";
import { Regex } from "../shared/regex/regex";
import { NO_ORDER, Operand, textOf } from "./operand";

const EQUAL: i32 = 0;
const NOT_EQUAL: i32 = 1;
const BELOW: i32 = 2;
const AT_MOST: i32 = 3;
const ABOVE: i32 = 4;
const AT_LEAST: i32 = 5;
const CONTAINS: i32 = 6;
const MATCHES: i32 = 7;
const EXISTS: i32 = 8;
const IN: i32 = 9;
const OPERATORS: string[] = ["eq", "ne", "lt", "le", "gt", "ge", "contains", "matches", "exists", "in"];

let path: JsonPath = new JsonPath("$");
let operator: i32 = EXISTS;
let operand: Operand = new Operand("");
const list: Array<Operand> = [];
let regex: Regex = new Regex("");
let invert: bool = false;
let onError: string = "fail";

export function init(params: Params): void {
  const options = new Options(params);
  options.required("path");
  path = options.path("path", "$");
  operator = OPERATORS.indexOf(options.choice("operator", OPERATORS));
  const value = operator === EXISTS ? options.text("value", "") : options.required("value");
  if (operator === EXISTS && options.has("value")) fail<void>("Invalid param value: the operator exists takes none");
  operand = new Operand(value);
  if (operator === IN) {
    const texts = listOf(value);
    for (let i = 0; i < texts.length; i++) list.push(new Operand(texts[i]));
  }
  if (operator === MATCHES) {
    regex = new Regex(value);
    if (regex.error.length > 0) fail<void>(`Invalid param value: ${regex.error}`);
  }
  invert = options.flag("invert");
  onError = options.choice(ON_ERROR, ["fail", "drop", "keep"]);
  options.done();
}

/** Keeps records whose field stands in the wanted relation to the value. */
export function filter(record: SmartRecord): bool {
  const value = record.value;
  const problem = path.search(value.ptr, value.length);
  if (problem.length > 0) return onError === "fail" ? fail<bool>(problem) : onError === "keep";
  const found = path.start !== 0 ? holds(path.start, path.end) : operator === NOT_EQUAL;
  return found !== invert;
}

function holds(start: usize, end: usize): bool {
  if (operator === EXISTS) return true;
  if (operator === CONTAINS) return contains(start, end);
  if (operator === MATCHES) return matches(start, end);
  if (operator === IN) return isInList(start, end);
  const order = operand.order(start, end);
  if (operator === EQUAL) return order === 0;
  if (operator === NOT_EQUAL) return order !== 0;
  if (order === NO_ORDER || !operand.hasOrder(start)) return false;
  if (operator === BELOW) return order < 0;
  if (operator === AT_MOST) return order <= 0;
  if (operator === ABOVE) return order > 0;
  return operator === AT_LEAST && order >= 0;
}

/** A part of a text, an element of an array, the name of a member of an object. */
function contains(start: usize, end: usize): bool {
  const first = load<u8>(start);
  if (first === 0x22) return operand.isIn(start + 1, <i32>(end - start) - 2);
  if (first !== 0x5b && first !== 0x7b) return false;
  const members = new Members(start, end);
  while (members.next()) {
    const found =
      first === 0x5b
        ? operand.order(members.start, members.end) === 0
        : operand.isName(members.nameStart, members.nameLength);
    if (found) return true;
  }
  return false;
}

/** A text is matched without its quotes, everything else as it is written. */
function matches(start: usize, end: usize): bool {
  const length = <i32>(end - start);
  if (load<u8>(start) !== 0x22) return regex.test(start, length);
  const text = textOf(start + 1, length - 2);
  return regex.test(text.ptr, text.length);
}

function isInList(start: usize, end: usize): bool {
  for (let i = 0; i < list.length; i++) if (list[i].order(start, end) === 0) return true;
  return false;
}
