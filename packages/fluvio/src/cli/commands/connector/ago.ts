import { formatDuration } from "../../../client/index.ts";

/** How long ago something was, to the second; `-` for what never was. */
export function agoText(timeMs: number | undefined, nowMs: number): string {
  return timeMs === undefined ? "-" : `${secondsText(nowMs - timeMs)} ago`;
}

/** How far away something is that comes, to the second. */
export function secondsText(spanMs: number): string {
  return formatDuration(Math.max(0, Math.round(spanMs / 1000)) * 1000);
}
