import { type Codec, enumeration, i16, mapped } from "../../schema.ts";

/** Whether a reader sees what is written, or only what is committed (below the high watermark). */
export type Isolation = "readUncommitted" | "readCommitted";

/** In Fetch and StreamFetch. */
export const Isolation: Codec<Isolation> = enumeration("Isolation", "readUncommitted", "readCommitted");

/** In Produce it is a number of its own: below 0 committed, else uncommitted. Written as -1 and 1. */
export const ProduceIsolation: Codec<Isolation> = mapped(
  i16,
  "ProduceIsolation",
  "`i16`: below 0 readCommitted, else readUncommitted; written as -1 and 1",
  (value) => (value < 0 ? "readCommitted" : "readUncommitted"),
  (value) => (value === "readCommitted" ? -1 : 1),
);
