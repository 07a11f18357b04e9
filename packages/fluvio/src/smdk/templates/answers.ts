/** What a project is generated from. */
export interface Answers {
  /** Name of module, folder and crate. */
  readonly name: string;
  readonly group: string;
  readonly kind: GeneratedKind;
  readonly language: "typescript" | "rust";
  /** Whether the example takes a parameter. */
  readonly withParams: boolean;
  readonly visibility: "private" | "public";
  /** Cargo's requirement on the crate fluvio-smartmodule: a version, or a table as it stands in Cargo.toml. */
  readonly crate: string;
  /** Version of the package `fluvio`. */
  readonly productVersion: string;
}

export type GeneratedKind = "filter" | "map" | "filter-map" | "array-map" | "aggregate";
