import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useTestCli } from "../../packages/fluvio/src/cli/testing/cluster.ts";
import { Fluvio } from "../../packages/fluvio/src/client/index.ts";
import { CASES, PLACES } from "./cases.ts";
import { nameOf, runIn, type Stage, store } from "./places.ts";

/**
 * SmartModules mean the same wherever they are applied: every kind of module in every place, against one table. Where
 * the place makes another result by design, the table says which and why.
 * @param wasmOf the module of a fixture, in the language that is tried
 */
export function conformanceTable(wasmOf: (fixture: string) => Promise<Uint8Array>): void {
  const cli = useTestCli();
  let client: Fluvio;
  let topics = 0;

  beforeAll(async () => {
    client = await Fluvio.connect({ address: cli.address });
    const fixtures = new Set(CASES.flatMap(({ steps }) => steps.map(({ fixture }) => fixture)));
    for (const fixture of fixtures) await client.admin().createSmartModule(nameOf(fixture), await wasmOf(fixture));
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
}
