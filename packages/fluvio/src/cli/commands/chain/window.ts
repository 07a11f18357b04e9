import { parseDurationMs, type SmartModuleStep } from "../../../client/index.ts";
import { type InputOf, type OptionTable, value } from "../../command.ts";
import { checked } from "../../values.ts";

/** Options that name an aggregate, or may: whether a stored module is one, the cluster knows. */
export const AGGREGATE_SOURCES = ["aggregate", "smartmodule", "smartmodulePath"];

/** Windows around an aggregate. */
export const windowOptions = {
  window: value({
    long: "window",
    value: "time",
    summary: "Aggregate over windows of this length by record time, each emitted when it closes",
    parse: checked(parseDurationMs),
    requires: AGGREGATE_SOURCES,
  }),
  slide: value({
    long: "slide",
    value: "time",
    summary: "Start a window each time this has passed [default: one behind the other]",
    parse: checked(parseDurationMs),
    requires: ["window"],
  }),
  grace: value({
    long: "grace",
    value: "time",
    summary: "Wait this long, in record time, for records that come late [default: 0s]",
    parse: checked(parseDurationMs),
    requires: ["window"],
  }),
} satisfies OptionTable;

/** The window, as the client takes it. */
export function windowSettings({
  window,
  slide,
  grace,
}: InputOf<Record<never, never>, typeof windowOptions>): Pick<SmartModuleStep, "window"> {
  if (window === undefined) return {};
  const slideMs = slide === undefined ? {} : { slideMs: slide };
  const graceMs = grace === undefined ? {} : { graceMs: grace };
  return { window: { sizeMs: window, ...slideMs, ...graceMs } };
}
