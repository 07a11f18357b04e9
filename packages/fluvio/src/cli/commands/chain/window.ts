import { formatDuration, parseDurationMs, type SmartModuleStep } from "../../../client/index.ts";
import { flvError } from "../../../protocol/index.ts";
import { type InputOf, type OptionTable, ValueError, value } from "../../command.ts";
import { checked } from "../../values.ts";

/** Options that name an aggregate, or may: whether a stored module is one, the cluster knows. */
export const AGGREGATE_SOURCES = ["aggregate", "smartmodule", "smartmodulePath"];

/** Windows are cut by the millisecond. */
function wholeTime(minMs: number): (given: string) => number {
  return (given) => {
    const timeMs = checked(parseDurationMs)(given);
    if (Number.isSafeInteger(timeMs) && timeMs >= minMs) return timeMs;
    throw new ValueError(given, `it takes whole milliseconds, ${minMs}ms at least`);
  };
}

/** Windows around an aggregate. */
export const windowOptions = {
  window: value({
    long: "window",
    value: "time",
    summary: "Aggregate over windows of this length by record time, each emitted when it closes",
    parse: wholeTime(1),
    requires: AGGREGATE_SOURCES,
  }),
  slide: value({
    long: "slide",
    value: "time",
    summary: "Start a window each time this has passed [default: one behind the other]",
    parse: wholeTime(1),
    requires: ["window"],
  }),
  grace: value({
    long: "grace",
    value: "time",
    summary: "Wait this long, in record time, for records that come late [default: 0s]",
    parse: wholeTime(0),
    requires: ["window"],
  }),
} satisfies OptionTable;

/** The window, as the client takes it. @throws FLV_ARGUMENT for windows with gaps between them */
export function windowSettings({
  window,
  slide,
  grace,
}: InputOf<Record<never, never>, typeof windowOptions>): Pick<SmartModuleStep, "window"> {
  if (window === undefined) return {};
  if (slide !== undefined && slide > window) {
    const [size, distance] = [formatDuration(window), formatDuration(slide)];
    throw flvError("FLV_ARGUMENT", `--slide ${distance} is longer than --window ${size}`, {
      hint: "records between two windows would count in none",
    });
  }
  const slideMs = slide === undefined ? {} : { slideMs: slide };
  const graceMs = grace === undefined ? {} : { graceMs: grace };
  return { window: { sizeMs: window, ...slideMs, ...graceMs } };
}
