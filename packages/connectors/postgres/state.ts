import type { Position } from "fluvio/connector";
import { type Lsn, lsnText, parseLsn } from "./lsn.ts";

/** A transaction of which a part was handed over. */
interface TransactionPart {
  /** Of its `begin`, which tells it from others. */
  readonly finalLsn: Lsn;
  /** Its messages that were handed over: descriptions of tables are not counted, for they come again in every session. */
  readonly messages: number;
}

/** How far the connector is: what is kept between runs. */
export type State =
  /** A snapshot was begun and is not complete. */
  | { readonly phase: "snapshot"; readonly system: string }
  | {
      readonly phase: "changes";
      /** The server's identity: places of another mean nothing. */
      readonly system: string;
      /** Behind the last transaction that was handed over. */
      readonly lsn: Lsn;
      readonly partial?: TransactionPart;
    };

export function statePosition(state: State): Position {
  if (state.phase === "snapshot") return { phase: "snapshot", system: state.system };
  const { system, lsn, partial } = state;
  return {
    phase: "changes",
    system,
    lsn: lsnText(lsn),
    ...(partial === undefined
      ? {}
      : { transaction: { finalLsn: lsnText(partial.finalLsn), messages: partial.messages } }),
  };
}

/** @returns `undefined` when nothing of use was kept */
export function keptState(kept: Position | undefined): State | undefined {
  if (!isMap(kept) || typeof kept.system !== "string") return undefined;
  if (kept.phase === "snapshot") return { phase: "snapshot", system: kept.system };
  const lsn = typeof kept.lsn === "string" ? parseLsn(kept.lsn) : undefined;
  if (lsn === undefined) return undefined;
  const { transaction } = kept;
  const finalLsn =
    isMap(transaction) && typeof transaction.finalLsn === "string" ? parseLsn(transaction.finalLsn) : undefined;
  const messages = isMap(transaction) ? transaction.messages : undefined;
  const hasPart = finalLsn !== undefined && typeof messages === "number";
  return { phase: "changes", system: kept.system, lsn, ...(hasPart ? { partial: { finalLsn, messages } } : {}) };
}

function isMap(value: Position | undefined): value is { readonly [key: string]: Position } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
