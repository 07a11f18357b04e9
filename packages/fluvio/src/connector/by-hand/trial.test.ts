import { expect, test } from "vitest";
import { z } from "zod";
import { defineSink, defineSource } from "../define.ts";
import * as field from "../options/fields.ts";
import { recordsRefused } from "../run/write-errors.ts";
import { trySink, trySource } from "./trial.ts";

const stored: number[] = [];
const counting = defineSource({
  name: "counting",
  version: "0.1.0",
  summary: "Counts",
  config: z.object({ step: field.integer({ doc: "from one to the next", default: "1", min: 1, max: 10 }) }),
  run: async ({ config, position, signal, send, checkpoint }) => {
    const begin = typeof position === "number" ? position : 0;
    for (let at = begin; !signal.aborted && at < 100; at += config.step) {
      await send({ key: `k${at}`, value: String(at) });
      checkpoint({ position: at + config.step, stored: () => void stored.push(at) });
    }
  },
});

test("a source is stopped after some records", async () => {
  stored.length = 0;
  expect(await trySource(counting, { parameters: { step: 2 }, records: 3 })).toEqual({
    records: [
      { key: "k0", value: "0" },
      { key: "k2", value: "2" },
      { key: "k4", value: "4" },
    ],
    positions: [2, 4, 6],
    ended: false,
  });
  expect(stored).toEqual([]);
});

test("it goes on at a position, ends by itself, and is told what is stored", async () => {
  const trial = await trySource(counting, { position: 98, records: 10, stores: true });
  expect(trial).toMatchObject({ records: [{ value: "98" }, { value: "99" }], positions: [99, 100], ended: true });
  expect(stored).toEqual([98, 99]);
});

test("options are checked, and what it throws is thrown", async () => {
  await expect(trySource(counting, { parameters: { step: 11 } })).rejects.toThrow("a whole number from 1 to 10");
  await expect(trySource(counting, { parameters: { stepp: 1 } })).rejects.toThrow("unknown key `parameters.stepp`");
  const failing = { ...counting, run: () => Promise.reject(new Error("no way")) };
  await expect(trySource(failing)).rejects.toThrow("no way");
});

const target: string[][] = [];
const sink = defineSink({
  name: "memory",
  version: "0.1.0",
  summary: "Keeps records",
  config: z.object({}),
  run: async ({ deliver }) => {
    await deliver(
      async (group) => {
        const texts = group.records.map(({ value }) => new TextDecoder().decode(value));
        if (texts.includes("poison")) throw recordsRefused("it is poison");
        for (const record of group.records) if (record.value.length > 9) group.refuse(record, "too long");
        target.push(texts);
      },
      { recordsMax: 2 },
    );
  },
});

test("a sink gets its groups, and what it refuses is told", async () => {
  const records = ["a", "b", "a long one", "c", "poison"].map((value) => ({ value }));
  expect(await trySink(sink, { records })).toEqual({
    outcomes: [
      { written: true },
      { written: true },
      { written: false, reason: "too long" },
      { written: true },
      { written: false, reason: "it is poison" },
    ],
    writes: 3,
  });
  expect(target).toEqual([
    ["a", "b"],
    ["a long one", "c"],
  ]);
});
