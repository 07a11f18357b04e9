import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CliResult, runCli } from "../testing/run.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "fluvio-profile-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const fluvio = (...argv: string[]): Promise<CliResult> => runCli(argv, { env: { HOME: home }, cwd: home });
const said = async (...argv: string[]): Promise<string> => (await fluvio(...argv)).stdout;
const configFile = () => join(home, ".fluvio", "config");

describe("without a configuration file", () => {
  test("there is no profile", async () => {
    expect(await said("profile")).toBe("no profile can be found\n");
    expect(await fluvio("profile", "list")).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: expect.stringMatching(/^Unable to find Fluvio config\n.*fluvio cluster start.*\n$/),
    });
    const switched = await fluvio("profile", "switch", "a");
    expect(switched.exitCode).toBe(1);
    expect(switched.stderr).toContain(`Config error: config file "${configFile()}"`);
  });

  test("the first profile makes it, for its owner only", async () => {
    expect(await fluvio("profile", "add", "a", "127.0.0.1:9003", "local")).toEqual({
      exitCode: 0,
      stdout: "Creating default fluvio config file\nSwitched to profile a\n",
      stderr: "",
    });
    expect((await stat(configFile())).mode & 0o077).toBe(0);
    expect(await readFile(configFile(), "utf8")).toContain('version = "2.0"\ncurrent_profile = "a"\n');
    expect(await said("profile")).toBe("a\n");
  });

  test("sync local makes the profile", async () => {
    expect(await said("profile", "sync", "local")).toBe("local context is set to: localhost:9003\n");
    expect(await said("profile", "current")).toBe("local\n");
    expect((await fluvio("profile", "sync", "k8")).stderr).toContain("not deployed");
  });
});

describe("with profiles", () => {
  beforeEach(async () => {
    await fluvio("profile", "add", "b", "localhost:2");
    await fluvio("profile", "add", "a", "localhost:1", "local");
  });

  test("list is sorted and marks the active one", async () => {
    expect(await said("profile", "list")).toBe(
      "     PROFILE  CLUSTER  ADDRESS      TLS       INSTALLATION \n" +
        "  *  a        a        localhost:1  Disabled  Local        \n" +
        "     b        b        localhost:2  Disabled  K8           \n",
    );
    expect(JSON.parse(await said("profile", "list", "-O", "json"))).toMatchObject([
      { active: true, profile: "a", cluster: "a", address: "localhost:1" },
      { active: false, profile: "b" },
    ]);
  });

  test("switch is silent, and says when there is none of that name", async () => {
    expect(await fluvio("profile", "switch", "b")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await said("profile")).toBe("b\n");
    expect(await fluvio("profile", "switch", "c")).toMatchObject({ exitCode: 0, stdout: "profile c not found\n" });
    expect(await said("profile")).toBe("b\n");
  });

  test("delete, with a warning when it was the active one", async () => {
    expect(await said("profile", "delete", "b")).toBe("profile b deleted\nprofile deleted\n");
    expect(await said("profile", "delete", "a")).toMatch(/^profile a deleted\nwarning: .*fluvio profile switch/);
    expect(await said("profile")).toBe("no current profile set\n");
    expect((await fluvio("profile", "delete", "a")).exitCode).toBe(1);
  });

  test("delete-cluster needs --force while profiles use it", async () => {
    expect(await fluvio("profile", "delete-cluster", "b")).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("--force"),
    });
    expect(await said("profile", "delete-cluster", "b", "--force")).toBe("Cluster b deleted\n");
    expect(await fluvio("profile", "delete-cluster", "zzz")).toMatchObject({
      exitCode: 0,
      stdout: "No profile named zzz exists\n",
    });
  });

  test("rename keeps it active, and never overwrites", async () => {
    expect(await fluvio("profile", "rename", "a", "c")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await said("profile")).toBe("c\n");
    expect((await fluvio("profile", "rename", "c", "b")).stderr).toContain("profile b exists already");
  });

  test("export gives a configuration file that works, or the cluster", async () => {
    const toml = await said("profile", "export", "b");
    await writeFile(join(home, "exported"), toml);
    const elsewhere = await runCli(["profile", "list"], {
      env: { HOME: home, FLV_PROFILE_PATH: join(home, "exported") },
    });
    expect(elsewhere.stdout).toContain("  *  b        b        localhost:2");
    expect(elsewhere.stdout).not.toContain("localhost:1");
    expect(JSON.parse(await said("profile", "export", "-O", "json"))).toEqual({
      endpoint: "localhost:1",
      use_spu_local_address: false,
      tls: { tls_policy: "disabled" },
    });
    expect((await fluvio("profile", "export", "zzz")).stderr).toContain("Profile not found in config: zzz");
  });

  test("export refuses certificates that are files", async () => {
    await writeFile(
      configFile(),
      'version = "2.0"\ncurrent_profile = "a"\n[profile.a]\ncluster = "a"\n[cluster.a]\nendpoint = "h:1"\n' +
        '[cluster.a.tls]\ntls_policy = "verified"\ntls_source = "files"\n' +
        '[cluster.a.tls.certs]\ndomain = "d"\nkey = "k"\ncert = "c"\nca_cert = "ca"\n',
    );
    expect((await fluvio("profile", "export")).stderr).toContain("Only inline TLS certs are supported");
    expect(await said("profile", "list")).toContain("Verified");
  });

  test("add refuses what is no address", async () => {
    expect((await fluvio("profile", "add", "c", "nowhere")).exitCode).toBe(2);
    expect((await fluvio("profile", "add", "c", "h:1", "moon")).exitCode).toBe(2);
  });
});
