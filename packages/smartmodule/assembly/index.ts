export { Bytes } from "./bytes";
export { fail } from "./failure";
export { JsonField, JsonMember, jsonQuote, JsonType } from "./json/field";
export { JsonPath } from "./json/path";
export { log } from "./log";
export { Output } from "./output";
export { Params } from "./params";
export { SmartRecord } from "./record";
