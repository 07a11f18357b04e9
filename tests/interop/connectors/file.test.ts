import { appendFile, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { useManaged } from "../../../packages/connectors/testing/managed.ts";

/** The source as the cluster runs it: a process of its own that is killed. */
const connectors = useConnectors();
const managed = useManaged(connectors);
const WAIT = { timeout: 60_000, interval: 50 };

test("killed again and again while files grow and are rotated: complete and in order", async () => {
  const folder = join(connectors.folder, "log");
  await mkdir(folder);
  const path = join(folder, "app.log");
  const topic = await connectors.topicWith([]);
  const own = connectors.config("file-source", topic, { path, "settle-time": "1h" });
  const values = async () => (await connectors.stored(topic)).map(({ value }) => value);
  const lines = (round: number) => Array.from({ length: 10_000 }, (_, index) => `round ${round}, line ${index}`);
  await writeFile(path, "");
  managed.apply(own);
  const written: string[] = [];
  for (let round = 0; round < 3; round++) {
    const text = lines(round);
    written.push(...text);
    await appendFile(path, `${text.slice(0, 5000).join("\n")}\n`);
    await vi.waitFor(async () => expect(await values()).toContain(text[0]), WAIT);
    await managed.kill(own.name);
    await appendFile(path, `${text.slice(5000).join("\n")}\n`);
    await rename(path, `${path}.${round}`);
    await writeFile(path, "");
  }
  await appendFile(path, "the end\n");
  await vi.waitFor(async () => expect((await values()).at(-1)).toBe("the end"), WAIT);
  const found = await values();
  expect([...new Set(found)]).toEqual([...written, "the end"]);
  expect(managed.status(own.name)?.restarts).toBe(3);
  // Each kill may repeat what was read since the last kept place.
  expect(found.length).toBeLessThan(written.length * 3);
});
