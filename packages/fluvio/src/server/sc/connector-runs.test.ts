import { expect, test } from "vitest";
import { connectorRunsApi } from "../../protocol/index.ts";
import { ConnectorRuns } from "./connector-runs.ts";
import { TestController } from "./testing/test-controller.ts";

const NONE = { error: { name: "None" } };

test("the run that comes last has the place, and those before learn it", async () => {
  await using controller = await TestController.start();
  const ask = (action: "claim" | "hold" | "release", run: string, name = "c") =>
    controller.client.request(connectorRunsApi, { action, name, run });
  expect(await ask("claim", "first")).toMatchObject({ ...NONE, isOther: false });
  expect(await ask("claim", "first")).toMatchObject({ ...NONE, isOther: false });
  expect(await ask("hold", "first")).toMatchObject({ ...NONE, isOther: false });
  expect(await ask("claim", "second", "other")).toMatchObject({ ...NONE, isOther: false });
  expect(await ask("claim", "second")).toMatchObject({ ...NONE, isOther: true });
  expect(await ask("hold", "first")).toMatchObject({ ...NONE, isOther: true });
  // a run that was replaced cannot end the one after it
  expect(await ask("release", "first")).toMatchObject({ ...NONE, isOther: true });
  expect(await ask("hold", "second")).toMatchObject({ ...NONE, isOther: false });
  expect(await ask("release", "second")).toMatchObject({ ...NONE, isOther: false });
  expect(await ask("claim", "third")).toMatchObject({ ...NONE, isOther: false });
});

test("nameless and endless names are refused", async () => {
  await using controller = await TestController.start();
  const ask = (name: string, run: string) =>
    controller.client.request(connectorRunsApi, { action: "claim", name, run });
  for (const [name, run] of [
    ["", "r"],
    ["c", ""],
    ["c".repeat(2001), "r"],
  ] as const) {
    expect((await ask(name, run)).error.name).not.toBe("None");
  }
});

test("who was silent counts as ended, and after a restart who speaks first has the place", () => {
  let nowMs = 0;
  const runs = new ConnectorRuns({ clock: { nowMs: () => nowMs } });
  runs.answer({ action: "claim", name: "c", run: "killed" });
  nowMs = 10_000;
  expect(runs.answer({ action: "claim", name: "c", run: "next" }).isOther).toBe(false);
  expect(runs.answer({ action: "hold", name: "c", run: "killed" }).isOther).toBe(true);

  const restarted = new ConnectorRuns({ clock: { nowMs: () => nowMs } });
  expect(restarted.answer({ action: "hold", name: "c", run: "next" }).isOther).toBe(false);
  expect(restarted.answer({ action: "hold", name: "c", run: "killed" }).isOther).toBe(true);
});

test("as many are remembered as there is room for, those heard last", () => {
  const runs = new ConnectorRuns({ clock: { nowMs: () => 0 } });
  const hold = (name: string, run: string) => runs.answer({ action: "hold", name, run }).isOther;
  runs.answer({ action: "claim", name: "heard", run: "a" });
  for (let n = 0; n < 9999; n++) hold(`c${n}`, "a");
  hold("heard", "a");
  hold("more", "a");
  expect(hold("heard", "b")).toBe(true);
  expect(hold("c0", "b")).toBe(false);
});
