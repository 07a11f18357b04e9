import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Target } from "../../../packages/connectors/http/testing/target.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";

/** A system that is away for a minute, with the pauses that connectors have unless their file says more. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const target = new Target();
const MINUTE_MS = 60_000;
/** The longest pause is half a minute. */
const BACK = { timeout: 45_000, interval: 100 };
const TRUTH = { timeout: 5000, interval: 50 };
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);

beforeAll(() => target.listen());
afterAll(() => target.close());

test("away for a minute: the state says so all the time, and every record arrives in order", async () => {
  const topic = await connectors.topicWith(numbers(0, 20));
  const config = { ...connectors.config("http-sink", topic), parameters: { endpoint: target.url } };
  managed.apply(config);
  await vi.waitFor(() => expect(target.taken).toHaveLength(20), BACK);
  await target.close();
  const lostMs = performance.now();
  await connectors.produce(topic, numbers(20, 40));
  const inTheWay = { resolution: "running", reason: expect.stringContaining("ECONNREFUSED") };
  await vi.waitFor(() => expect(managed.status(config.name)).toMatchObject(inTheWay), TRUTH);
  const told = new Set<boolean>();
  await vi.waitFor(
    () => {
      told.add(managed.status(config.name)?.reason.includes("ECONNREFUSED") === true);
      expect(performance.now() - lostMs).toBeGreaterThan(MINUTE_MS);
    },
    { timeout: MINUTE_MS + BACK.timeout, interval: 500 },
  );
  expect([...told]).toEqual([true]);
  await connectors.produce(topic, numbers(40, 60));
  await target.listen();
  await vi.waitFor(() => expect(target.taken).toEqual(numbers(0, 60)), BACK);
  await vi.waitFor(() => expect(managed.status(config.name)).toMatchObject({ reason: "" }), TRUTH);
  expect(managed.status(config.name)?.restarts).toBe(0);
}, 150_000);
