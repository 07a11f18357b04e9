import { formatDuration } from "../../../client/index.ts";

type TimeFormat = "rfc3339" | "local" | "unix-ms" | "relative";

/** Writes a record's timestamp; `NA` for a record without one. */
export function timeFormatter(format: TimeFormat, now: () => number): (timestampMs: number) => string {
  const write = writer(format, now);
  return (timestampMs) => (timestampMs < 0 ? "NA" : write(timestampMs));
}

function writer(format: TimeFormat, now: () => number): (timestampMs: number) => string {
  switch (format) {
    case "rfc3339":
      return (timestampMs) => new Date(timestampMs).toISOString();
    case "local":
      return localTime;
    case "unix-ms":
      return String;
    case "relative":
      return (timestampMs) => relativeTime(now() - timestampMs);
  }
}

/** `2022-05-04 17:12:21.000`, in the time zone of this machine. */
function localTime(timestampMs: number): string {
  const date = new Date(timestampMs);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

function relativeTime(agoMs: number): string {
  const wholeMs = Math.abs(agoMs) < 1000 ? Math.abs(agoMs) : Math.floor(Math.abs(agoMs) / 1000) * 1000;
  return agoMs < 0 ? `in ${formatDuration(wholeMs)}` : `${formatDuration(wholeMs)} ago`;
}
