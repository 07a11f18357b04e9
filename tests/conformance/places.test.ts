import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useTestCli } from "../../packages/fluvio/src/cli/testing/cluster.ts";
import { Fluvio } from "../../packages/fluvio/src/client/index.ts";
import { buildSdk } from "../fixtures/build-sdk.ts";
import { CASES, PLACES } from "./cases.ts";
import { nameOf, runIn, type Stage, store } from "./places.ts";

/*
 * SmartModules mean the same wherever they are applied: every kind of module in every place, against one table. Where
 * the place makes another result by design, the table says which and why.
 */
const cli = useTestCli();
let client: Fluvio;
let topics = 0;

beforeAll(async () => {
  client = await Fluvio.connect({ address: cli.address });
  const fixtures = new Set(CASES.flatMap(({ steps }) => steps.map(({ fixture }) => fixture)));
  for (const fixture of fixtures) await client.admin().createSmartModule(nameOf(fixture), await buildSdk(fixture));
}, 240_000);
afterAll(() => client.close());

describe.each(CASES)("$name", (one) => {
  test.each(PLACES)("in the %s", async (place) => {
    const expected = one.differences?.find(({ places }) => places.includes(place))?.expected ?? one.expected;
    const stage: Stage = {
      cli,
      client,
      topic: async ({ stored = [] }) => {
        const topic = await client.admin().createTopic(`conformance-${++topics}`);
        await store(client, topic, stored);
        return topic;
      },
    };
    expect(await runIn(place, stage, one, expected.length)).toEqual(expected);
  });
});

test("every kind has a case, and every difference has a reason and a place", () => {
  const kinds = new Set(CASES.flatMap(({ steps }) => steps.map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual(["aggregate", "array-map", "filter", "filter-map", "map"]);
  for (const { places, why } of CASES.flatMap(({ differences = [] }) => differences)) {
    expect(places.length).toBeGreaterThan(0);
    expect(places.length).toBeLessThan(PLACES.length);
    expect(why).not.toBe("");
  }
});
