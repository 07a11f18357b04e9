import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isSealed, Sealer } from "./sealer.ts";

let folder: string;
let keyPath: string;
const bytes = (text: string) => new TextEncoder().encode(text);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-sealer-"));
  keyPath = join(folder, "secrets.key");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sealer = (holdsSealed = false) => new Sealer({ keyPath, holdsSealed: () => holdsSealed });

test("what is sealed opens under its name alone, with the key of a file that only its user can read", async () => {
  const sealed = await sealer().seal("secret A", bytes("hunter2"));
  expect(isSealed(sealed)).toBe(true);
  expect(isSealed(bytes('{"name":"a"}'))).toBe(false);
  expect(Buffer.from(sealed).includes("hunter2")).toBe(false);
  expect(Buffer.from(await sealer(true).unseal("secret A", sealed)).toString()).toBe("hunter2");
  await expect(sealer(true).unseal("secret B", sealed)).rejects.toMatchObject({ code: "FLV_SECRET_KEY" });
  expect((await stat(keyPath)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["secrets.key"]);
});

test("the same value is never sealed to the same bytes", async () => {
  const one = sealer();
  const all = await Promise.all(
    [1, 2, 3].map(async () => Buffer.from(await one.seal("n", bytes("v"))).toString("hex")),
  );
  expect(new Set(all).size).toBe(3);
});

test("a changed byte is noticed", async () => {
  const sealed = Uint8Array.from(await sealer().seal("n", bytes("value")));
  for (const at of [1, 20, sealed.length - 1]) {
    const changed = sealed.slice();
    changed[at] = (changed[at] as number) ^ 1;
    await expect(sealer(true).unseal("n", changed)).rejects.toMatchObject({ code: "FLV_SECRET_KEY" });
  }
});

test("a key that is missing while something is sealed is not made anew", async () => {
  const sealed = await sealer().seal("n", bytes("v"));
  await rm(keyPath);
  await expect(sealer(true).unseal("n", sealed)).rejects.toMatchObject({
    code: "FLV_SECRET_KEY",
    message: `The key of the secrets, ${keyPath}, is missing`,
    hint: expect.stringContaining("Restore the file from a copy"),
  });
  await expect(sealer(true).seal("m", bytes("v"))).rejects.toMatchObject({ code: "FLV_SECRET_KEY" });
  expect(await readdir(folder)).toEqual([]);
});

test("another key, and a damaged one, are said to be that; a key that came back is taken", async () => {
  const first = sealer();
  const sealed = await first.seal("secret A", bytes("v"));
  const key = await readFile(keyPath, "utf8");
  await writeFile(keyPath, "0".repeat(64));
  await expect(sealer(true).unseal("secret A", sealed)).rejects.toMatchObject({
    message: `The key in ${keyPath} is not the one that secret A was sealed with`,
  });
  await writeFile(keyPath, "not a key");
  const late = sealer(true);
  await expect(late.unseal("secret A", sealed)).rejects.toMatchObject({
    message: expect.stringContaining("is damaged"),
  });
  await writeFile(keyPath, key);
  expect(Buffer.from(await late.unseal("secret A", sealed)).toString()).toBe("v");
});

test("two that make the key at the same time do not each have their own", async () => {
  const one = sealer();
  const [a, b] = await Promise.all([one.seal("n", bytes("a")), one.seal("n", bytes("b"))]);
  const again = sealer(true);
  expect(Buffer.from(await again.unseal("n", a)).toString()).toBe("a");
  expect(Buffer.from(await again.unseal("n", b)).toString()).toBe("b");
});

test("opening never makes a key", async () => {
  const sealed = await sealer().seal("n", bytes("v"));
  await rm(keyPath);
  await expect(sealer().unseal("n", sealed)).rejects.toMatchObject({ code: "FLV_SECRET_KEY" });
  expect(await readdir(folder)).toEqual([]);
});
