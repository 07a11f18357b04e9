import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { ConnectorConfig } from "../file/config.ts";
import { containerCommand } from "./child-command.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fluvio-container-tool-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const config: ConnectorConfig = {
  ...{ name: "c", type: "http", topic: "t", version: "latest", runtime: "container" },
  ...{ parameters: {}, secrets: {}, transforms: [] },
};

/** A container tool that says this on its standard error, and ends with the code. */
async function toolThatSays(said: string, code: number): Promise<string> {
  const path = join(folder, "tool");
  await writeFile(path, `#!/bin/sh\necho '${said}' >&2\nexit ${code}\n`, { mode: 0o755 });
  vi.stubEnv("FLUVIO_CONTAINER_TOOL", path);
  return path;
}

const commandOf = () => containerCommand(config, { endpoint: "127.0.0.1:9003", profilePath: undefined });

describe("a connector in a container", () => {
  test("runs in the image of its type, removed with it", async () => {
    const tool = await toolThatSays("", 0);
    const { file, args, cleanUp } = await commandOf();
    expect(file).toBe(tool);
    expect(args.slice(0, 3)).toEqual(["run", "--rm", "-i"]);
    expect(args).toContain("infinyon/fluvio-connect-http:latest");
    expect(cleanUp?.args.slice(0, 2)).toEqual(["rm", "-f"]);
  });

  test.each(["Error: No such image: x", "Error: x: image not known", "Error response from daemon: No such image: x"])(
    "whose image is missing: %s",
    async (said) => {
      await toolThatSays(said, 1);
      await expect(commandOf()).rejects.toMatchObject({
        code: "FLV_CONNECTOR_INVALID",
        message: "the image infinyon/fluvio-connect-http:latest is not on this machine",
        hint: expect.stringContaining("npm run images -- http"),
      });
    },
  );

  test("is not told to build an image when it is the tool that does not work", async () => {
    const tool = await toolThatSays("Cannot connect to the Docker daemon. Is the docker daemon running?", 1);
    const sentence = `${tool} cannot tell whether it has the image infinyon/fluvio-connect-http:latest: Cannot connect`;
    await expect(commandOf()).rejects.toMatchObject({
      message: expect.stringContaining(sentence),
      hint: expect.stringContaining("FLUVIO_CONTAINER_TOOL"),
    });
  });
});
