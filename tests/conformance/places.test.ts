import { expect, test } from "vitest";
import { buildSdk } from "../fixtures/build-sdk.ts";
import { CASES, PLACES } from "./cases.ts";
import { conformanceTable } from "./table.ts";

conformanceTable((fixture) => buildSdk(fixture));

test("every kind has a case, and every difference has a reason and a place", () => {
  const kinds = new Set(CASES.flatMap(({ steps }) => steps.map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual(["aggregate", "array-map", "filter", "filter-map", "map"]);
  for (const { places, why } of CASES.flatMap(({ differences = [] }) => differences)) {
    expect(places.length).toBeGreaterThan(0);
    expect(places.length).toBeLessThan(PLACES.length);
    expect(why).not.toBe("");
  }
});
