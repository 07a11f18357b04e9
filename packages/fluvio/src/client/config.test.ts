import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { configPath } from "../npm/index.ts";
import {
  chooseCluster,
  emptyConfig,
  formatConfig,
  parseConfig,
  withActiveProfile,
  withCluster,
  withoutCluster,
  withoutProfile,
  withRenamedProfile,
} from "./config.ts";
import { Fluvio } from "./fluvio.ts";
import { readConfigFile, tlsOptionsOf, writeConfigFile } from "./node/config-file.ts";
import { parseAddress } from "./settings.ts";

/** A file whose cluster `a` has these lines. */
const cluster = (lines: string) => `version = "2.0"\n[profile]\n[cluster.a]\nendpoint = "h:1"\n${lines}\n`;

const FILE = `version = "2.0"
current_profile = "local"
colour = "blue"

[profile.local]
cluster = "local"
topic = "orders"

[profile.old]
cluster = "old"

[cluster.local]
endpoint = "127.0.0.1:9003"
use_spu_local_address = true
extra = 7

[cluster.local.tls]
tls_policy = "verified"
tls_source = "files"

[cluster.local.tls.certs]
domain = "fluvio.local"
key = "client.key"
cert = "client.crt"
ca_cert = "ca.crt"

[cluster.local.metadata]
installation = "local"

[cluster.old]
addr = "10.0.0.1:9003"
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the configuration file", () => {
  const config = parseConfig(FILE, "config");

  it("names the cluster of a profile", () => {
    expect(chooseCluster(config)).toMatchObject({ profile: "local", cluster: { endpoint: "127.0.0.1:9003" } });
    expect(chooseCluster(config, "old").cluster.endpoint).toBe("10.0.0.1:9003");
    expect(() => chooseCluster(config, "loca")).toThrow(
      expect.objectContaining({
        code: "FLV_PROFILE_NOT_FOUND",
        message: "Cluster not found for profile loca",
        hint: 'did you mean "local"?',
      }),
    );
    expect(() => chooseCluster({ ...config, current_profile: "x" })).toThrow("No cluster config for profile x");
    expect(() => chooseCluster(emptyConfig())).toThrow("Config error: Config has no active profile");
    expect(() => chooseCluster(config, "constructor")).toThrow(/Cluster not found/);
  });

  it("keeps what it does not know when it is written again", () => {
    const again = parseConfig(formatConfig(config), "config");
    expect(again).toEqual(config);
    expect(again.colour).toBe("blue");
    expect(again.profile.local?.topic).toBe("orders");
    expect(again.cluster.local).toMatchObject({ extra: 7 });
  });

  it("is changed without touching the rest", () => {
    const added = withCluster(config, "edge", { endpoint: "edge:9003" });
    expect(added.current_profile).toBe("edge");
    expect(chooseCluster(added).cluster.endpoint).toBe("edge:9003");
    expect(withCluster(config, "local", { endpoint: "x:1" }).cluster.local).toMatchObject({
      endpoint: "x:1",
      extra: 7,
    });
    expect(withActiveProfile(added, "old").current_profile).toBe("old");
    expect(() => withActiveProfile(added, "nope")).toThrow("profile nope not found");
    expect(withoutProfile(added, "edge")).not.toHaveProperty("current_profile");
    expect(withoutProfile(added, "old").current_profile).toBe("edge");
    expect(withRenamedProfile(config, "local", "home").current_profile).toBe("home");
    expect(Object.keys(withoutCluster(config, "old").cluster)).toEqual(["local"]);
    expect(Object.keys(config.profile)).toEqual(["local", "old"]);
  });

  it("says what is wrong with it and where", () => {
    expect(() => parseConfig("version = ", "/home/x/.fluvio/config")).toThrow(
      /^Failed to deserialize Fluvio config \/home\/x\/\.fluvio\/config: /,
    );
    expect(() => parseConfig('version = "2.0"\n[profile]\n[cluster.a]\nendpoint = 5', "c")).toThrow(
      /cluster\.a\.endpoint/,
    );
    expect(() => parseConfig('version = "2.0"\n[profile]\n[cluster.a]', "c")).toThrow(/missing field `endpoint`/);
  });

  it.each([
    ["version = 2\n[profile]\n[cluster]", /config c: version: expected a text$/],
    ["[profile]\n[cluster]", /config c: missing field `version`$/],
    ['version = "2.0"\n[cluster]', /config c: profile: expected a table$/],
    ['version = "2.0"\n[profile.a]\n[cluster]', /config c: profile\.a: missing field `cluster`$/],
    [cluster("use_spu_local_address = 1"), /cluster\.a\.use_spu_local_address: expected true or false$/],
    [cluster('tls.tls_policy = "none"'), /cluster\.a\.tls\.tls_policy: unknown policy "none"/],
    [cluster('tls.tls_policy = "verified"'), /cluster\.a\.tls\.certs: expected a table$/],
    [cluster('tls.tls_policy = "verify"\ntls.certs.domain = "d"'), /cluster\.a\.tls\.certs: missing field `key`$/],
    [cluster('tls.tls_policy = "verify"\ntls.tls_source = "x"'), /tls\.tls_source: unknown source "x"/],
  ])("names the key that is wrong in %j", (text, reason) => {
    expect(() => parseConfig(text, "c")).toThrow(reason);
  });
});

describe("the file itself", () => {
  it("is where the environment says", () => {
    expect(configPath({ FLV_PROFILE_PATH: "/x/y" })).toBe("/x/y");
    expect(configPath({ FLUVIO_DIR: "/own", HOME: "/home/me" })).toBe(join("/own", "config"));
    expect(configPath({ FLUVIO_DIR: "", FLV_PROFILE_PATH: "", HOME: "/home/me" })).toBe("/home/me/.fluvio/config");
    expect(configPath({})).toMatch(/\.fluvio[/\\]config$/);
  });

  it("is written whole, for its owner only, and read back", async () => {
    const path = join(folder, "deep", "config");
    await writeConfigFile(parseConfig(FILE, path), path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readConfigFile(path)).toEqual(parseConfig(FILE, path));
    expect(await readFile(path, "utf8")).toContain('endpoint = "127.0.0.1:9003"');
  });

  it("is the one of FLUVIO_DIR for the library, as for the command line", async () => {
    vi.stubEnv("FLV_PROFILE_PATH", undefined);
    vi.stubEnv("FLUVIO_DIR", join(folder, "own"));
    try {
      await writeConfigFile(parseConfig(cluster(""), "c"));
      expect(await readFile(join(folder, "own", "config"), "utf8")).toContain('endpoint = "h:1"');
      await expect(Fluvio.connect({ profile: "nope" })).rejects.toMatchObject({
        code: "FLV_PROFILE_NOT_FOUND",
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("is missed with its path in the sentence", async () => {
    const configPath = join(folder, "absent");
    await expect(Fluvio.connect({ configPath })).rejects.toMatchObject({
      code: "FLV_CONFIG",
      message: expect.stringContaining(`Config error: config file "${configPath}"`),
    });
  });

  it("leads to certificates, inline or in files", async () => {
    const paths = { key: join(folder, "k"), cert: join(folder, "c"), ca_cert: join(folder, "a") };
    for (const path of Object.values(paths)) await writeFile(path, `PEM of ${path}`);
    const certs = { domain: "fluvio.local", ...paths };
    const tls = { tls_policy: "verify", tls_source: "files", certs } as const;
    expect(await tlsOptionsOf({ endpoint: "x:1", tls })).toMatchObject({
      policy: "verified",
      domain: "fluvio.local",
      key: `PEM of ${paths.key}`,
    });
    expect(await tlsOptionsOf({ endpoint: "x:1", tls: { ...tls, tls_source: "inline" } })).toMatchObject({
      cert: paths.cert,
    });
    expect(await tlsOptionsOf({ endpoint: "x:1" })).toEqual({ policy: "disabled" });
    await rm(paths.key);
    await expect(tlsOptionsOf({ endpoint: "x:1", tls })).rejects.toMatchObject({ code: "FLV_FILE" });
  });
});

describe("an address", () => {
  it("is host and port", () => {
    expect(parseAddress("localhost:9003")).toEqual({ host: "localhost", port: 9003 });
    expect(parseAddress("[::1]:9003")).toEqual({ host: "::1", port: 9003 });
    for (const wrong of ["localhost", "a:b", "a:99999", "::1:9003", ""]) {
      expect(() => parseAddress(wrong)).toThrow(/is no address of a cluster/);
    }
  });

  it("does not go with a profile", async () => {
    await expect(Fluvio.connect({ address: "a:1", profile: "p" })).rejects.toThrow(
      "cluster addr is not valid when profile is used",
    );
  });
});
