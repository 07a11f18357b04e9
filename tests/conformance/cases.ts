/** One module of a chain: a fixture of `tests/fixtures/assembly-sdk`, stored under its own name. */
export interface CaseStep {
  readonly fixture: string;
  readonly kind: "filter" | "map" | "filter-map" | "array-map" | "aggregate";
  readonly params?: Readonly<Record<string, string>>;
  readonly lookbackLast?: number;
  readonly initial?: string;
}

export const PLACES = [
  "source connector",
  "sink connector",
  "producer in the client",
  "producer on the SPU",
  "consumer",
  "consume command",
  "produce command",
  "smartmodule test",
] as const;
export type Place = (typeof PLACES)[number];

/** `key=value`. */
export type Line = string;

/** What a chain makes of records. */
export interface ConformanceCase {
  readonly name: string;
  readonly steps: readonly CaseStep[];
  /** Values that are in the topic before, with the key `k`. */
  readonly stored?: readonly string[];
  /** Values, with the key `k`, in portions that are sent one after the other. */
  readonly input: readonly (readonly string[])[];
  readonly expected: readonly Line[];
  /** Where the result is another one by design. */
  readonly differences?: readonly {
    readonly places: readonly Place[];
    readonly why: string;
    readonly expected: readonly Line[];
  }[];
}

const PRODUCED_ON_SPU: readonly Place[] = ["producer on the SPU", "produce command"];

/** The one table: what every place must make of the same records. */
export const CASES: readonly ConformanceCase[] = [
  {
    name: "filter",
    steps: [{ fixture: "m_filter", kind: "filter" }],
    input: [["apple", "plum", "", "ÄÖ", "banana"]],
    expected: ["k=apple", "k=banana"],
  },
  {
    name: "map",
    steps: [{ fixture: "m_upper", kind: "map" }],
    input: [["apple", "grün"]],
    expected: ["k=APPLE", "k=GRÜN"],
  },
  {
    name: "filter-map, which sets the key",
    steps: [{ fixture: "m_filter_map", kind: "filter-map" }],
    input: [["2", "3", "8"]],
    expected: ["even=1", "even=4"],
  },
  {
    name: "array-map: none, one and many of one",
    steps: [{ fixture: "m_array_map", kind: "array-map" }],
    input: [["[1,2,3]", "[]", '["a",{"b":[1]}]', "[4]"]],
    expected: ["k=1", "k=2", "k=3", 'k="a"', 'k={"b":[1]}', "k=4"],
  },
  {
    name: "aggregate with an initial value, over two portions",
    steps: [{ fixture: "m_aggregate", kind: "aggregate", initial: "100" }],
    input: [
      ["1", "2"],
      ["3", "4"],
    ],
    expected: ["k=101", "k=103", "k=106", "k=110"],
    differences: [
      {
        places: PRODUCED_ON_SPU,
        why: "the SPU has a chain for each request that produces: an aggregate begins anew with every one",
        expected: ["k=101", "k=103", "k=103", "k=107"],
      },
    ],
  },
  {
    name: "parameters",
    steps: [{ fixture: "m_init", kind: "filter", params: { needle: "an" } }],
    input: [["apple", "orange", "banana"]],
    expected: ["k=orange", "k=banana"],
  },
  {
    name: "a chain of two: what the first drops or changes, the second does not see",
    steps: [
      { fixture: "m_filter_map", kind: "filter-map" },
      { fixture: "m_aggregate", kind: "aggregate" },
    ],
    input: [["2", "3", "8", "20"]],
    expected: ["even=1", "even=5", "even=15"],
  },
  {
    name: "a chain of two in the other order",
    steps: [
      { fixture: "m_aggregate", kind: "aggregate" },
      { fixture: "m_filter_map", kind: "filter-map" },
    ],
    input: [["2", "3", "1", "20"]],
    expected: ["even=1", "even=3", "even=13"],
  },
  {
    name: "lookback: what was stored before is known",
    steps: [{ fixture: "m_look_back", kind: "filter", lookbackLast: 2 }],
    stored: ["old", "a", "b"],
    input: [["a", "b", "old", "new", "new", "last"]],
    expected: ["k=old", "k=new", "k=last"],
    differences: [
      {
        places: ["sink connector", "consumer", "consume command"],
        why: "who reads looks back from the end of the log, which holds the records that are to be read too",
        expected: ["k=a", "k=b", "k=old"],
      },
    ],
  },
];
