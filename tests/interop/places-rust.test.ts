import { readFile } from "node:fs/promises";
import { conformanceTable } from "../conformance/table.ts";

/** Where the twin in Rust has another name: of a map to upper case there is one from the crate's first releases. */
const TWINS: Readonly<Record<string, string>> = { m_upper: "old_map_040" };

// modules built with the real Rust crate give, in every place, what their twins in AssemblyScript give
conformanceTable((fixture) => readFile(new URL(`../fixtures/wasm/${TWINS[fixture] ?? fixture}.wasm`, import.meta.url)));
