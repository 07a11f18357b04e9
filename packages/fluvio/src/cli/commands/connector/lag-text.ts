import { type ConnectorStats, formatSize } from "../../../client/index.ts";

/** How much waits, with its unit; `-` where that is not known. */
export function lagText(counters: Pick<ConnectorStats, "lag" | "lagUnit"> | undefined): string {
  if (counters?.lag === undefined) return "-";
  const { lag, lagUnit } = counters;
  if (lagUnit === "bytes") return formatSize(lag);
  return `${lag} ${lag === 1 ? lagUnit.slice(0, -1) : lagUnit}`;
}
