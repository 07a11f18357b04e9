import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importInstalled, installPackage, type PackageStore, parsePackage } from "./package-store.ts";
import { packFolder, type TestPackage, writePackage } from "./testing/packages.ts";
import { startRegistry, type TestRegistry } from "./testing/registry.ts";

let home = "";
let registry: TestRegistry;
const progress: string[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-packages-"));
  registry = await startRegistry();
});
afterAll(async () => {
  registry.close();
  await rm(home, { recursive: true, force: true });
});

const store = (name: string, env: Readonly<Record<string, string>> = registry.env(home)): PackageStore => ({
  dir: join(home, name),
  env,
  progress: (sentence) => progress.push(sentence),
});

const greeter = (version: string): TestPackage => {
  const script = `node -e "require('fs').writeFileSync('${join(home, "a-script-ran")}', '')"`;
  return {
    name: "@acme/greeter",
    version,
    files: { "index.js": `export const greeting = "hello ${version}";\n` },
    fields: {
      scripts: { preinstall: script, install: script, postinstall: script },
      peerDependencies: { absent: "1" },
    },
  };
};

async function publish(version: string): Promise<void> {
  const { content } = await packFolder(await writePackage(home, greeter(version)));
  registry.add("@acme/greeter", version, content);
}

describe("names of packages", () => {
  it.each([
    ["acme", { kind: "registry", name: "acme", version: "latest" }],
    ["@acme/x@1.2.0", { kind: "registry", name: "@acme/x", version: "1.2.0" }],
    ["@acme/x@^1.0.0", { kind: "registry", name: "@acme/x", version: "^1.0.0" }],
    ["./folder", { kind: "path", path: "./folder" }],
    ["file:/a/b.tgz", { kind: "path", path: "/a/b.tgz" }],
    ["/a/b", { kind: "path", path: "/a/b" }],
  ])("%s", (given, expected) => {
    expect(parsePackage(given)).toEqual(expected);
  });

  it.each(["git+ssh://host/x", "github:acme/x", "--registry=http://elsewhere", "a b; rm -rf x", ""])(
    "refuses %j, which is none",
    (given) => {
      expect(() => parsePackage(given)).toThrow(`"${given}" is no package`);
    },
  );
});

// each runs npm several times
describe("installing", { timeout: 180_000 }, () => {
  it("from the registry, once, without its scripts and peers", async () => {
    await publish("1.2.0");
    progress.length = 0;
    const first = await installPackage(store("once"), parsePackage("@acme/greeter@1.2.0"));
    expect(first).toMatchObject({ name: "@acme/greeter", version: "1.2.0" });
    expect(await importInstalled(first)).toMatchObject({ greeting: "hello 1.2.0" });
    expect(progress).toEqual([
      "installing @acme/greeter@1.2.0 with npm",
      expect.stringMatching(/^installed @acme\/greeter@1\.2\.0 in \d+\.\d s$/),
    ]);
    await installPackage(store("once"), parsePackage("@acme/greeter@1.2.0"));
    expect(progress).toHaveLength(2);
    expect(await readdir(join(home, "once"))).toEqual(["@acme+greeter@1.2.0"]);
    await expect(readFile(join(home, "a-script-ran"))).rejects.toThrow("ENOENT");
  });

  it("by several at once", async () => {
    await publish("1.2.0");
    const source = parsePackage("@acme/greeter@^1.0.0");
    const [one, other] = await Promise.all([
      installPackage(store("several"), source),
      installPackage(store("several"), source),
    ]);
    expect(one).toEqual(other);
    const found = await readdir(join(home, "several"));
    expect(found.sort()).toEqual(["@acme+greeter@%5E1.0.0.version", "@acme+greeter@1.2.0"]);
  });

  it("takes the newest when it is asked to, and what is there when the registry is away", async () => {
    await publish("1.2.0");
    const source = parsePackage("@acme/greeter@^1.0.0");
    expect((await installPackage(store("newest"), source)).version).toBe("1.2.0");
    await publish("1.3.0");
    expect((await installPackage(store("newest"), source)).version).toBe("1.2.0");
    expect((await installPackage(store("newest"), source, { newest: true })).version).toBe("1.3.0");
    const away = store("newest", {
      ...registry.env(home),
      npm_config_registry: "http://127.0.0.1:1",
      npm_config_prefer_online: "true",
    });
    expect((await installPackage(away, source, { newest: true })).version).toBe("1.3.0");
    expect(progress.at(-1)).toBe("@acme/greeter@^1.0.0: the registry cannot be reached, 1.3.0 is used");
  });

  it("takes a tarball by its content, and a folder where it is", async () => {
    const dir = await writePackage(home, greeter("2.0.0"));
    const { path } = await packFolder(dir);
    const fromTarball = await installPackage(store("path"), parsePackage(path));
    expect(await importInstalled(fromTarball)).toMatchObject({ greeting: "hello 2.0.0" });
    expect(await installPackage(store("path"), parsePackage(path))).toEqual(fromTarball);
    expect((await installPackage(store("path"), parsePackage(dir))).dir).toBe(dir);
  });

  it("says what is wrong", async () => {
    await publish("1.2.0");
    await expect(installPackage(store("wrong"), parsePackage("@acme/absent"))).rejects.toMatchObject({
      code: "FLV_PACKAGE",
      message: "Package not found in the npm registry: @acme/absent@latest",
    });
    await expect(installPackage(store("wrong"), parsePackage("@acme/greeter@7.0.0"))).rejects.toMatchObject({
      message: "The npm registry has no such version: @acme/greeter@7.0.0",
    });
    const away = store("wrong", { ...registry.env(join(home, "away")), npm_config_registry: "http://127.0.0.1:1" });
    await expect(installPackage(away, parsePackage("@acme/greeter@1.2.0"))).rejects.toMatchObject({
      message: "The npm registry cannot be reached to install @acme/greeter@1.2.0 (ECONNREFUSED)",
      retriable: true,
    });
    await expect(installPackage(store("wrong"), parsePackage(join(home, "nothing")))).rejects.toMatchObject({
      message: `Package not found: "${join(home, "nothing")}"`,
    });
    expect(await readdir(join(home, "wrong"))).toEqual([]);
  });
});
