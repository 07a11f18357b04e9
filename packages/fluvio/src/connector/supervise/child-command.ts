import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { flvError } from "../../protocol/index.ts";
import { isPackageType } from "../catalogue/package-connector.ts";
import type { ConnectorConfig } from "../file/config.ts";
import type { ChildCommand } from "./supervised-connector.ts";

const run = promisify(execFile);

/** Tools that are looked for, in this order, where {@link TOOL_VARIABLE} names none. */
const TOOLS = ["docker", "podman"];
/** The tool with its global options, such as `podman --runtime runc`. */
const TOOL_VARIABLE = "FLUVIO_CONTAINER_TOOL";
/** Further options of its `run`. */
const OPTIONS_VARIABLE = "FLUVIO_CONTAINER_OPTIONS";
/** Where the images of `containers/Containerfile` have the program. */
const RUNNER_IN_IMAGE = "/app/node_modules/fluvio/dist/connector/runner-main.js";
const PROFILE_IN_IMAGE = "/home/fluvio/.fluvio/config";

/** Where a connector that is started finds its cluster. */
export interface ClusterPlace {
  /** `host:port` of the SC; without it the profile decides. */
  readonly endpoint: string | undefined;
  /** File with the profile. */
  readonly profilePath: string | undefined;
}

/** The program that runs a connector: compiled beside this file; when this file runs from source, in the package's `dist`. */
export function defaultRunner(): string {
  const here = import.meta.url.endsWith(".ts") ? "../../../dist/connector/runner-main.js" : "../runner-main.js";
  return fileURLToPath(new URL(here, import.meta.url));
}

/** How a connector is run as a process. */
export function processCommand(runner: string, args: readonly string[], place: ClusterPlace): ChildCommand {
  const { endpoint, profilePath } = place;
  return {
    file: process.execPath,
    args: [runner, "--managed", ...args, ...(endpoint === undefined ? [] : ["--endpoint", endpoint])],
    env: { ...process.env, ...(profilePath === undefined ? {} : { FLV_PROFILE_PATH: profilePath }) },
  };
}

/** The image of a connector: the file's, or the official one of its type. */
function imageOf({ image, type }: ConnectorConfig): string {
  if (image !== undefined) return image;
  if (!isPackageType(type)) return `infinyon/fluvio-connect-${type}:latest`;
  throw flvError("FLV_CONNECTOR_INVALID", `there is no official image of ${type}`, {
    hint: "name one with `image`, or write `runtime: process`",
  });
}

/**
 * How a connector is run as a container. It shares the machine's network, so that it finds the cluster under the same
 * address, and the profile of a cluster that needs one; it is removed when it ends, and ends when its supervisor does.
 * @throws FLV_CONNECTOR_INVALID when there is no tool or no such image
 */
export async function containerCommand(config: ConnectorConfig, place: ClusterPlace): Promise<ChildCommand> {
  const { endpoint, profilePath } = place;
  const { env } = process;
  const [tool, ...globals] = await containerTool(env);
  const image = imageOf(config);
  await run(tool, [...globals, "image", "inspect", image], { env }).catch((cause: unknown) => {
    throw withoutImage(image, tool, config.type, cause);
  });
  const name = `fluvio-connector-${config.name}-${process.pid}-${Date.now().toString(36)}`;
  const mount = ["-v", `${profilePath}:${PROFILE_IN_IMAGE}:ro`, "-e", `FLV_PROFILE_PATH=${PROFILE_IN_IMAGE}`];
  return {
    link: "stdio",
    file: tool,
    args: [
      ...globals,
      ...["run", "--rm", "-i", "--name", name, "--network", "host", "--entrypoint", "node"],
      ...(profilePath === undefined ? [] : mount),
      ...words(env[OPTIONS_VARIABLE]),
      image,
      ...[RUNNER_IN_IMAGE, "--managed", "--stdio"],
      ...(endpoint === undefined ? [] : ["--endpoint", endpoint]),
    ],
    env,
    // The tool may be killed without the container: nothing may be left that works on unsupervised.
    cleanUp: { file: tool, args: [...globals, "rm", "-f", name] },
  };
}

/** How Docker and Podman say that there is no such image; everything else is trouble of their own. */
const NO_IMAGE = /no such (?:image|object)|image not known|failed to find image/i;

function withoutImage(image: string, tool: string, type: string, cause: unknown): Error {
  const said = typeof cause === "object" && cause !== null && "stderr" in cause ? String(cause.stderr).trim() : "";
  if (said !== "" && !NO_IMAGE.test(said)) {
    return flvError("FLV_CONNECTOR_INVALID", `${tool} cannot tell whether it has the image ${image}: ${said}`, {
      details: { image },
      hint: `put ${tool} right for the user of the cluster, name another tool with ${TOOL_VARIABLE} where the cluster is started, or write \`runtime: process\``,
      cause,
    });
  }
  return flvError("FLV_CONNECTOR_INVALID", `the image ${image} is not on this machine`, {
    details: { image },
    hint: `build or pull it (from a checkout: npm run images -- ${type}), name another one with \`image\`, or write \`runtime: process\``,
    cause,
  });
}

async function containerTool(env: NodeJS.ProcessEnv): Promise<[string, ...string[]]> {
  const [given, ...rest] = words(env[TOOL_VARIABLE]);
  if (given !== undefined) return [given, ...rest];
  for (const tool of TOOLS) {
    const isThere = await run(tool, ["--version"], { env }).then(
      () => true,
      () => false,
    );
    if (isThere) return [tool];
  }
  throw flvError("FLV_CONNECTOR_INVALID", `neither ${TOOLS.join(" nor ")} is on this machine`, {
    hint: `Install one, name another with ${TOOL_VARIABLE} where the cluster is started, or write \`runtime: process\``,
  });
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(" ").filter((word) => word !== "");
}
