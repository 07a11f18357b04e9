import { access, rm } from "node:fs/promises";
import {
  type ClusterConfig,
  emptyConfig,
  type FluvioConfig,
  formatConfig,
  readConfigFile,
  type TlsConfig,
  withActiveProfile,
  withCluster,
  withoutCluster,
  withoutProfile,
  withRenamedProfile,
  writeConfigFile,
} from "../../client/index.ts";
import { flvError, isFluvioError } from "../../protocol/index.ts";
import { arg, type Command, command, flag, optionalArg, valueOr } from "../command.ts";
import type { Io } from "../io.ts";
import { formatObject, type OutputFormat, outputOption } from "../output/format.ts";
import { renderTable } from "../output/table.ts";
import { nearest } from "../suggest.ts";
import { oneOf } from "../values.ts";

const showActive = async (io: Io): Promise<number> => {
  const config = await readIfPresent(io);
  if (config === undefined) io.stdout.print("no profile can be found");
  else io.stdout.print(config.current_profile ?? "no current profile set");
  return 0;
};

const own = command({
  noun: "profile",
  summary: "Show the name of the active profile",
  run: (_input, io) => showActive(io),
});

const current = command({
  noun: "profile",
  verb: "current",
  summary: "Show the name of the active profile",
  run: (_input, io) => showActive(io),
});

const TLS_WORDS: Readonly<Record<string, string>> = {
  verified: "Verified",
  verify: "Verified",
  anonymous: "Anonymous",
};
const INSTALLATION_WORDS: Readonly<Record<string, string>> = {
  local: "Local",
  k8: "K8",
  local_k8: "LocalK8",
  read_only: "ReadOnly",
  docker: "Docker",
  cloud: "Cloud",
};

function installation(cluster: ClusterConfig | undefined): string {
  if (cluster?.metadata?.infinyon_cloud_cli !== undefined) return "Cloud";
  return INSTALLATION_WORDS[String(cluster?.metadata?.installation ?? "")] ?? "K8";
}

const list = command({
  noun: "profile",
  verb: "list",
  summary: "List the profiles",
  options: { output: outputOption },
  run: async (input, io) => {
    const config = await readIfPresent(io);
    if (config === undefined) {
      io.stderr.print("Unable to find Fluvio config");
      io.stderr.print(
        "Start a cluster with `fluvio cluster start`, or name one with `fluvio profile add NAME HOST:PORT`",
      );
      return 0;
    }
    const rows = Object.entries(config.profile)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, profile]) => {
        const cluster = config.cluster[profile.cluster];
        return {
          active: name === config.current_profile,
          profile: name,
          cluster: profile.cluster,
          address: cluster?.endpoint ?? "",
          tls: TLS_WORDS[cluster?.tls?.tls_policy ?? ""] ?? "Disabled",
          installation: installation(cluster),
        };
      });
    if (input.output !== "table") {
      io.stdout.print(formatObject(rows, input.output, "profiles"));
      return 0;
    }
    const cells = rows.map((row) => [
      row.active ? "*" : "",
      row.profile,
      row.cluster,
      row.address,
      row.tls,
      row.installation,
    ]);
    await io.stdout.write(renderTable(["", "PROFILE", "CLUSTER", "ADDRESS", "TLS", "INSTALLATION"], cells));
    return 0;
  },
});

const name = arg({ name: "NAME", summary: "Name of the profile" });

const switchTo = command({
  noun: "profile",
  verb: "switch",
  summary: "Make a profile the active one",
  args: { name },
  run: async (input, io) => {
    const config = await readConfigFile(io.configPath);
    if (!Object.hasOwn(config.profile, input.name)) {
      io.stdout.print(`profile ${input.name} not found`);
      const similar = nearest(input.name, Object.keys(config.profile));
      if (similar !== undefined) io.stderr.print(`did you mean "${similar}"?`);
      return 0;
    }
    await writeConfigFile(withActiveProfile(config, input.name), io.configPath);
    return 0;
  },
});

const remove = command({
  noun: "profile",
  verb: "delete",
  summary: "Delete a profile; its cluster stays in the file",
  args: { name },
  run: async (input, io) => {
    const config = await readConfigFile(io.configPath);
    await writeConfigFile(withoutProfile(config, input.name), io.configPath);
    io.stdout.print(`profile ${input.name} deleted`);
    if (config.current_profile !== input.name) io.stdout.print("profile deleted");
    else io.stdout.print("warning: this was the active profile. Choose another with `fluvio profile switch`");
    return 0;
  },
});

const removeCluster = command({
  noun: "profile",
  verb: "delete-cluster",
  summary: "Delete a cluster from the configuration file",
  args: { name: arg({ name: "CLUSTER", summary: "Name of the cluster" }) },
  options: { force: flag({ long: "force", short: "f", summary: "Also when profiles use it" }) },
  run: async (input, io) => {
    const config = await readConfigFile(io.configPath);
    if (!Object.hasOwn(config.cluster, input.name)) {
      io.stdout.print(`No profile named ${input.name} exists`);
      return 0;
    }
    const users = Object.keys(config.profile).filter((one) => config.profile[one]?.cluster === input.name);
    if (users.length > 0 && !input.force) {
      io.stdout.print(`The following profiles are using cluster ${input.name}:`);
      for (const user of users) io.stdout.print(`  ${user}`);
      io.stdout.print("Use --force to delete it all the same");
      return 1;
    }
    await writeConfigFile(withoutCluster(config, input.name), io.configPath);
    io.stdout.print(`Cluster ${input.name} deleted`);
    return 0;
  },
});

const rename = command({
  noun: "profile",
  verb: "rename",
  summary: "Rename a profile",
  args: {
    from: arg({ name: "FROM", summary: "Present name" }),
    to: arg({ name: "TO", summary: "New name" }),
  },
  run: async (input, io) => {
    const config = await readConfigFile(io.configPath);
    if (Object.hasOwn(config.profile, input.to)) {
      throw flvError("FLV_CONFIG", `profile ${input.to} exists already`, {
        hint: "choose another name, or delete it first",
      });
    }
    await writeConfigFile(withRenamedProfile(config, input.from, input.to), io.configPath);
    return 0;
  },
});

const exportProfile = command({
  noun: "profile",
  verb: "export",
  summary: "Print a profile so that it can be used elsewhere",
  args: { name: optionalArg({ name: "NAME", summary: "Name of the profile; default: the active one" }) },
  options: {
    output: valueOr<Exclude<OutputFormat, "table">>({
      long: "output",
      short: "O",
      value: "type",
      summary: "Output format",
      parse: oneOf("toml", "json", "yaml"),
      choices: ["toml", "json", "yaml"],
      default: "toml",
    }),
  },
  run: async (input, io) => {
    const config = await readConfigFile(io.configPath);
    const wanted = input.name ?? config.current_profile;
    if (wanted === undefined) {
      throw flvError("FLV_CONFIG", "No active profile set in config", { hint: "name one: fluvio profile export NAME" });
    }
    const profile = config.profile[wanted];
    const cluster = config.cluster[profile?.cluster ?? ""];
    if (profile === undefined || cluster === undefined) {
      throw flvError("FLV_PROFILE_NOT_FOUND", `Profile not found in config: ${wanted}`, {
        hint: "see them with `fluvio profile list`",
      });
    }
    const tls = cluster.tls;
    if (tls !== undefined && "tls_source" in tls && tls.tls_source !== "inline") {
      throw flvError("FLV_CONFIG", "Only inline TLS certs are supported", {
        hint: "put the PEM texts themselves into the profile",
      });
    }
    if (input.output === "toml") {
      const alone: FluvioConfig = {
        version: config.version,
        current_profile: wanted,
        profile: { [wanted]: profile },
        cluster: { [profile.cluster]: cluster },
      };
      io.stdout.print(formatConfig(alone).replace(/\n$/, ""));
      return 0;
    }
    const object = {
      endpoint: cluster.endpoint,
      use_spu_local_address: cluster.use_spu_local_address ?? false,
      tls: cluster.tls ?? { tls_policy: "disabled" },
    };
    io.stdout.print(formatObject(object, input.output));
    return 0;
  },
});

const add = command({
  noun: "profile",
  verb: "add",
  summary: "Add a profile for a cluster and make it the active one",
  args: {
    name: arg({ name: "NAME", summary: "Name of the profile and of the cluster" }),
    address: arg({ name: "ADDRESS", summary: "HOST:PORT of the cluster" }),
    type: optionalArg({ name: "TYPE", summary: "Installation: local, k8, local-k8, read-only, docker, cloud" }),
  },
  check: (input) => {
    if (!/^.+:\d+$/.test(input.address)) return `invalid value '${input.address}' for '<ADDRESS>': expected HOST:PORT`;
    const known = Object.keys(INSTALLATION_WORDS);
    if (input.type === undefined || known.includes(input.type.replaceAll("-", "_"))) return undefined;
    return `invalid value '${input.type}' for '[TYPE]'\n  [possible values: ${known.join(", ").replaceAll("_", "-")}]`;
  },
  run: async (input, io) => {
    const config = await readIfPresent(io);
    if (config === undefined) io.stdout.print("Creating default fluvio config file");
    await writeConfigFile(
      withCluster(config ?? emptyConfig(), input.name, {
        endpoint: input.address,
        use_spu_local_address: false,
        tls: { tls_policy: "disabled" },
        ...(input.type === undefined ? {} : { metadata: { installation: input.type.replaceAll("-", "_") } }),
      }),
      io.configPath,
    );
    io.stdout.print(`Switched to profile ${input.name}`);
    return 0;
  },
});

const syncLocal = command({
  noun: "profile",
  verb: "sync local",
  summary: "Point the profile `local` to a local cluster and make it the active one",
  args: { address: optionalArg({ name: "ADDRESS", summary: "HOST:PORT, default localhost:9003" }) },
  run: async (input, io) => {
    const address = input.address ?? "localhost:9003";
    await setLocalProfile(io, address);
    io.stdout.print(`local context is set to: ${address}`);
    return 0;
  },
});

const syncK8 = command({
  noun: "profile",
  verb: "sync k8",
  hidden: true,
  summary: "Not available: this cluster does not run on Kubernetes",
  args: { name: optionalArg({ name: "NAME", summary: "Name of the profile" }) },
  run: () => {
    throw flvError("FLV_UNSUPPORTED", "fluvio service is not deployed: Kubernetes is not supported", {
      hint: "use `fluvio profile add NAME HOST:PORT` with the address of the cluster",
    });
  },
});

/** Makes `local` the active profile, for the cluster at this address. @returns the way back */
export async function setLocalProfile(
  io: Io,
  address: string,
  tls: TlsConfig = { tls_policy: "disabled" },
): Promise<() => Promise<void>> {
  const before = await readIfPresent(io);
  const cluster: ClusterConfig = {
    endpoint: address,
    use_spu_local_address: false,
    tls,
    metadata: { installation: "local" },
  };
  await writeConfigFile(withCluster(before ?? emptyConfig(), "local", cluster), io.configPath);
  return () => (before === undefined ? rm(io.configPath, { force: true }) : writeConfigFile(before, io.configPath));
}

async function readIfPresent(io: Io): Promise<FluvioConfig | undefined> {
  const present = await access(io.configPath).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
  return present ? await readConfigFile(io.configPath) : undefined;
}

/** Name of the profile that a command uses, for messages; nothing when none can be told. */
export async function profileName(io: Io): Promise<string | undefined> {
  if (io.globals.profile !== undefined) return io.globals.profile;
  try {
    return (await readIfPresent(io))?.current_profile;
  } catch (error) {
    if (isFluvioError(error)) return undefined;
    throw error;
  }
}

/** Kind of installation of the active profile, as `profile list` shows it; nothing without one. */
export async function profileInstallation(io: Io): Promise<string | undefined> {
  const config = await readIfPresent(io);
  const profile = config?.profile[io.globals.profile ?? config.current_profile ?? ""];
  return profile === undefined ? undefined : installation(config?.cluster[profile.cluster]);
}

export const profileCommands: readonly Command[] = [
  own,
  current,
  list,
  switchTo,
  remove,
  removeCluster,
  rename,
  exportProfile,
  add,
  syncLocal,
  syncK8,
];
