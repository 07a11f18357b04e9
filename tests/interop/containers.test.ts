import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileSdk } from "../fixtures/build-sdk.ts";
import { freePort } from "../free-port.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const SHARED = process.env.SHARED ?? resolve(root, "../shared");
const SEED = join(SHARED, "seeds/004_2a8469648958b045.txt");
const PODMAN = join(import.meta.dirname, "services/containers/podman");
const BASE = "localhost/fluvio-test-base:latest";
const IMAGE = "infinyon/fluvio-connect-http:latest";
/** As much isolation as podman can give in a machine that is itself a container. */
const MACHINE_OPTIONS = "--security-opt seccomp=unconfined --ulimit nofile=1024:1024 --ulimit nproc=1000:1000";
/** The user of the images. */
const UID = 1000;
const DEADLINE_MS = 60_000;

/** What is read of `partition list -O json`. */
interface Partition {
  readonly name: string;
  readonly status: { readonly leader: { readonly hw: number } };
}

/** The document's local connectors, word for word: `docker` is podman, and the cat-facts API is on this machine. */
describe("local connectors in containers", () => {
  let home: string;
  let environment: NodeJS.ProcessEnv;
  let commands: readonly string[];
  let endpoint: string;
  const api = { kill: () => {} };

  const fluvio = (...args: string[]) => run("fluvio", args, { env: environment, cwd: home });
  const docker = (...args: string[]) => run("docker", args, { env: environment, cwd: home });
  const bash = (command: string) => run("bash", ["-c", command], { env: environment, cwd: home });

  /** The command of the document that begins so, with the endpoint of this machine. */
  const fromSeed = (beginning: string, holds = "") => {
    const found = commands.find((command) => command.startsWith(beginning) && command.includes(holds));
    if (found === undefined) throw new Error(`the document has no ${beginning} … ${holds}`);
    return found.replaceAll("https://catfact.ninja/fact", endpoint);
  };

  /** The first line that a command prints and that is accepted; then the command is ended as by Ctrl-C. */
  async function firstLine(command: string, args: readonly string[], accepts: (line: string) => boolean) {
    const child = spawn(command, args, { env: environment, cwd: home, stdio: ["ignore", "pipe", "inherit"] });
    const seen: string[] = [];
    const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        seen.push(line);
        if (accepts(line)) return line;
      }
      throw new Error(`${command} ${args.join(" ")} printed only\n${seen.join("\n")}`);
    } finally {
      clearTimeout(timer);
      child.kill("SIGINT");
    }
  }

  /** The record of the topic at this offset, as soon as it is there. */
  const nthRecord = (topic: string, offset: number, ...globals: string[]) => {
    let seen = 0;
    return firstLine("fluvio", [...globals, "consume", topic, "-B"], () => seen++ === offset);
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "fluvio-containers-"));
    await chmod(home, 0o755);
    const bin = join(home, "bin");
    await mkdir(bin);
    const shim = `#!/bin/bash\nif [ "$1" = run ]; then shift; exec ${PODMAN} run --network host ${MACHINE_OPTIONS} "$@"; fi\nexec ${PODMAN} "$@"\n`;
    await writeFile(join(bin, "docker"), shim, { mode: 0o755 });
    const entry = join(root, "packages/fluvio/bin/fluvio.js");
    await writeFile(join(bin, "fluvio"), `#!/bin/bash\nexec "${process.execPath}" "${entry}" "$@"\n`, { mode: 0o755 });
    environment = { ...process.env, HOME: home, PATH: `${bin}${delimiter}${process.env.PATH}` };
    environment.FLUVIO_CI_CACHE ??= join(process.env.HOME ?? "/root", ".cache/fluvio-ci");
    Object.assign(environment, { FLUVIO_CONTAINER_TOOL: PODMAN, FLUVIO_CONTAINER_OPTIONS: MACHINE_OPTIONS });
    delete environment.FLUVIO_DIR;

    // what a run that was ended in the middle has left
    await docker("rm", "-f", "--ignore", "my-http", "drains");

    const seed = await readFile(SEED, "utf8");
    commands = [...seed.matchAll(/```bash\n(.*?)```/gs)].flatMap((block) =>
      (block[1] ?? "")
        .split(/\n(?=\$ |docker )/)
        .map((command) => command.replace(/^\$ /, "").trim())
        .filter((command) => command !== ""),
    );

    const apiPort = await freePort();
    endpoint = `http://127.0.0.1:${apiPort}/fact`;
    const server = spawn(process.execPath, [join(root, "examples/cat-facts/server.mjs"), "--port", String(apiPort)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    api.kill = () => server.kill();
    await once(server.stdout, "data");

    await run(process.execPath, [join(root, "containers/build.mjs"), "http", "--tool", PODMAN, "--base", BASE], {
      maxBuffer: 1e8,
      // one layer: this storage driver copies a whole image for each
      env: { ...process.env, BUILDAH_LAYERS: "false" },
    });
    const address = `127.0.0.1:${await freePort()}`;
    const spu = String(await freePort());
    await fluvio("cluster", "start", "--sc-pub-addr", address, "--spu-base-port", spu, "--gateway-addr", "off");
    await chown(join(home, ".fluvio/config"), UID, UID);
  }, 400_000);

  afterAll(async () => {
    api.kill();
    await docker("rm", "-f", "--ignore", "my-http", "drains");
    await fluvio("cluster", "delete", "--force");
    await rm(home, { recursive: true, force: true });
  });

  test("run brings records into the topic, as a user without rights", async () => {
    await bash(fromSeed("fluvio topic create cat-facts"));
    await bash(fromSeed("docker run"));
    expect(await nthRecord("cat-facts", 0)).toMatch(/^\{"fact":".+","length":\d+\}$/);
    expect((await docker("exec", "my-http", "node", "-p", "process.getuid()")).stdout.trim()).toBe(String(UID));
  });

  test("logs shows what it does", async () => {
    const [command = "", ...args] = fromSeed("docker logs -f").split(" ");
    expect(await firstLine(command, args, (line) => line.includes("Starting Processing"))).toContain("http");
  });

  test("one that runs stays on its cluster when the profile is switched", async () => {
    await fluvio("profile", "add", "other-profile", "127.0.0.1:1");
    await bash(fromSeed("fluvio profile switch other-profile"));
    expect(await nthRecord("cat-facts", 1, "--profile", "local")).toContain('"fact"');
    await fluvio("profile", "switch", "local");
    // written anew, by the user of this test
    await chown(join(home, ".fluvio/config"), UID, UID);
  });

  test("kill and rm end it", async () => {
    await bash(fromSeed("docker kill my-http; docker rm my-http"));
    expect((await docker("ps", "-a", "--format", "{{.Names}}")).stdout).not.toContain("my-http");
  });

  test("applies a SmartModule of the cluster", async () => {
    const wasm = join(home, "catfact_map.wasm");
    await writeFile(wasm, await compileSdk(join(root, "examples/cat-facts/catfact-map/index.ts")));
    await fluvio("smartmodule", "create", "catfact-map", `--wasm-file=${wasm}`);
    await fluvio("topic", "delete", "cat-facts");
    await fluvio("topic", "create", "cat-facts");
    await bash(fromSeed("docker run", '--map="catfact-map"'));
    expect(await nthRecord("cat-facts", 0)).toMatch(/^"[^{].+"$/);
    await docker("rm", "-f", "my-http");
  });

  test("is told to stop: sends what it has, and ends with 0", async () => {
    await fluvio("topic", "create", "drained");
    await docker("run", "-d", "--name=drains", ...mount(), IMAGE, "--", ...arguments_("drained"), "--interval=100ms");
    await nthRecord("drained", 2);
    await docker("stop", "-t", "20", "drains");
    expect((await docker("inspect", "--format", "{{.State.ExitCode}}", "drains")).stdout.trim()).toBe("0");
    expect((await docker("logs", "drains")).stdout).toContain("Stop signal received");
  });

  test.each([
    ["an option that does not exist", ["--endpiont=http://x/", "--fluvio-topic=t"], /endpiont.*endpoint/s],
    ["no topic", ["--endpoint=http://x/"], /fluvio-topic/],
  ])("%s: exit code 2, and what is wrong", async (_, args, said) => {
    const ended: unknown = await docker("run", "--rm", ...mount(), IMAGE, "--", ...args).catch((error) => error);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(said) });
  });

  test("a profile that the user of the image may not read: exit code 1, and what to do", async () => {
    await chown(join(home, ".fluvio/config"), 0, 0);
    const ended: unknown = await docker("run", "--rm", ...mount(), IMAGE, "--", ...arguments_("t")).catch(
      (error) => error,
    );
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/config.*permission denied|EACCES/i) });
    await chown(join(home, ".fluvio/config"), UID, UID);
  });

  describe("as the runtime of a managed connector", () => {
    const names = async () => (await docker("ps", "--format", "{{.Names}}")).stdout;
    const status = async () => (await fluvio("connector", "list")).stdout;

    test("runs it in its image, with secrets that no list of processes shows", async () => {
      const secret = "not-for-the-eyes-of-others";
      const file = join(home, "contained.yml");
      await writeFile(
        file,
        `name: contained
type: http
topic: contained
version: latest
runtime: container
parameters:
  endpoint: ${endpoint}
  interval: 100ms
  headers: ["authorization: Bearer \${{ secrets.TOKEN }}"]
secrets:
  TOKEN: ${secret}
`,
      );
      await fluvio("connector", "create", "--config", file);
      expect(await nthRecord("contained", 0)).toContain('"fact"');
      expect(await status()).toMatch(/contained +Running/);
      expect(await names()).toMatch(/fluvio-connector-contained-/);
      expect((await run("ps", ["axww", "-o", "args"])).stdout).not.toContain(secret);
    });

    test("starts another when it is killed", async () => {
      const [name = ""] = (await names()).split("\n").filter((one) => one.includes("contained"));
      await docker("kill", name);
      const { stdout } = await fluvio("partition", "list", "-O", "json");
      const { status } = (JSON.parse(stdout) as Partition[]).find((one) => one.name === "contained-0") as Partition;
      expect(await nthRecord("contained", status.leader.hw)).toContain('"fact"');
      expect(await names()).not.toContain(name);
    });

    test("is ended by a pause and by a delete", async () => {
      await fluvio("connector", "pause", "contained");
      expect(await names()).not.toContain("contained");
      await fluvio("connector", "resume", "contained");
      expect(await nthRecord("contained", 0)).toContain('"fact"');
      await fluvio("connector", "delete", "contained");
      expect(await names()).not.toContain("contained");
    });

    test("does not outlive its cluster, even one that is killed, and comes back with it", async () => {
      await fluvio("connector", "create", "--config", join(home, "contained.yml"));
      await nthRecord("contained", 0);
      expect(await names()).toContain("contained");
      await run("pkill", ["-KILL", "-f", `cluster run --data-dir ${home}`]);
      const deadline = AbortSignal.timeout(DEADLINE_MS);
      while ((await names()).includes("contained")) deadline.throwIfAborted();
      await fluvio("cluster", "start");
      const { stdout } = await fluvio("partition", "list", "-O", "json");
      const { status: partition } = (JSON.parse(stdout) as Partition[]).find(
        (one) => one.name === "contained-0",
      ) as Partition;
      await nthRecord("contained", partition.leader.hw);
      expect(await names()).toContain("contained");
      await fluvio("connector", "delete", "contained");
    });

    test("an image that is not there: failed, with what to do", async () => {
      const file = join(home, "no-image.yml");
      await writeFile(
        file,
        `name: no-image\ntype: http\ntopic: contained\nversion: latest\nruntime: container\nimage: nobody/nothing:1\nparameters:\n  endpoint: ${endpoint}\n`,
      );
      const { stderr } = await fluvio("connector", "create", "--config", file);
      expect(stderr).toMatch(/the image nobody\/nothing:1 is not on this machine.*npm run images/s);
      await fluvio("connector", "delete", "no-image");
    });
  });

  const mount = () => ["-v", `${home}/.fluvio/config:/home/fluvio/.fluvio/config`];
  const arguments_ = (topic: string) => [`--endpoint=${endpoint}`, `--fluvio-topic=${topic}`];
});
