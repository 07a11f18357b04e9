import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, string, struct, u32 } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

export const SwitchSmartModuleRequest = struct({
  /** `name`, `group/name` or `group/name@version`. */
  name: string,
});
export type SwitchSmartModuleRequest = Infer<typeof SwitchSmartModuleRequest>;
export type SwitchSmartModuleRequestInput = InputOf<typeof SwitchSmartModuleRequest>;

export const SwitchSmartModuleResponse = struct({
  error: ErrorCode,
  /** Streams that go on with the code that is stored now. */
  streams: u32,
  /** Managed connectors that do. */
  connectors: u32,
  /** One sentence for each stream, connector or SPU that did not switch. */
  failures: array(string),
});
export type SwitchSmartModuleResponse = Infer<typeof SwitchSmartModuleResponse>;
export type SwitchSmartModuleResponseInput = InputOf<typeof SwitchSmartModuleResponse>;

/** Extension: running streams and connectors take over the stored code. The original closes the connection on it. */
export const switchSmartModuleApi = api({
  name: "SwitchSmartModule",
  key: 30004,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: SwitchSmartModuleRequest,
  response: SwitchSmartModuleResponse,
});
