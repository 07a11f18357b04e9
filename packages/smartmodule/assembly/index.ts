export { Bytes } from "./bytes";
export { fail } from "./failure";
export { log } from "./log";
export { Output } from "./output";
export { Params } from "./params";
export { SmartRecord } from "./record";
