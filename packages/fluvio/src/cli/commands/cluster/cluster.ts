import { flvError } from "../../../protocol/index.ts";
import { createChecklist } from "../../cluster/checklist.ts";
import { hasData, preflight } from "../../cluster/checks.ts";
import { clusterHolder } from "../../cluster/holder.ts";
import { stopProcess } from "../../cluster/local-process.ts";
import { refuseUnsupported, settingsOptions, startOptions, withGiven } from "../../cluster/options.ts";
import { removeCluster } from "../../cluster/removal.ts";
import { type ClusterSettings, readSettings, scAddress } from "../../cluster/settings.ts";
import { currentSettings, startCluster } from "../../cluster/start.ts";
import { type Command, command, flag, value } from "../../command.ts";
import type { Io } from "../../io.ts";
import { nonEmpty } from "../../values.ts";
import { profileInstallation } from "../profile.ts";
import { diagnostics } from "./diagnostics.ts";
import { askText } from "./question.ts";
import { spgCommands, spuCommands } from "./spu.ts";
import { status } from "./status.ts";

const start = command({
  noun: "cluster",
  verb: "start",
  summary: "Start a cluster on this machine, in the background",
  description:
    "Starts a cluster as one background process with its data and logs below ~/.fluvio (FLUVIO_DIR), waits until it is " +
    "ready, and makes it the active profile. Where a stopped cluster's data is found it is used: options that are not " +
    "given are as they were.",
  options: startOptions,
  examples: [
    { command: "fluvio cluster start" },
    {
      text: "three SPUs, on other ports",
      command: "fluvio cluster start --spu 3 --sc-pub-addr 127.0.0.1:9103 --spu-base-port 9110",
    },
  ],
  run: async (input, io) => {
    refuseUnsupported(input);
    const settings = withGiven(await currentSettings(io), input, io);
    const list = createChecklist(io.stderr, io.env);
    list.headline("📝 Running pre-flight checks");
    if (input.setup) {
      await preflight(io, settings, list);
      list.headline("🎉 All checks passed!");
      return 0;
    }
    await startCluster(io, settings, input, list);
    return 0;
  },
});

const resume = command({
  noun: "cluster",
  verb: "resume",
  summary: "Start the stopped cluster again, as it was",
  run: async (_input, io) => {
    const settings = await currentSettings(io);
    if (!(await hasData(settings.data_dir))) {
      throw flvError(
        "FLV_CLUSTER_NOT_RUNNING",
        `Resume failed with no cluster to resume: ${settings.data_dir} is empty`,
        {
          hint: "start a new one with `fluvio cluster start`",
        },
      );
    }
    await startCluster(
      io,
      settings,
      { skipChecks: false, skipProfileCreation: false },
      createChecklist(io.stderr, io.env),
    );
    return 0;
  },
});

const run = command({
  noun: "cluster",
  verb: "run",
  summary: "Run a cluster in the foreground, until SIGTERM or Ctrl-C",
  description: "For containers and service managers: the log goes to standard error, nothing is detached.",
  options: { local: startOptions.local, ...settingsOptions },
  run: async (input, io) => {
    const { runCluster } = await import("../../cluster/run.ts");
    return await runCluster(io, withGiven(await currentSettings(io), input, io));
  },
});

const shutdown = command({
  noun: "cluster",
  verb: "shutdown",
  aliases: ["stop"],
  summary: "Stop the local cluster; its data is kept",
  options: { local: startOptions.local },
  run: async (_input, io) => {
    const installation = await profileInstallation(io);
    const settings = await readSettings(io);
    if (settings === undefined && installation !== undefined && installation !== "Local") {
      throw flvError("FLV_UNSUPPORTED", "❌ Shutdown is only implemented for local clusters.", {
        hint: "choose the profile `local`, or stop this cluster where it runs",
      });
    }
    await stop(io, settings ?? (await currentSettings(io)));
    return 0;
  },
});

/** Ends the process of the cluster, if there is one, and says so. */
async function stop(io: Io, settings: ClusterSettings): Promise<void> {
  const list = createChecklist(io.stderr, io.env);
  try {
    list.progress("Uninstalling fluvio local components");
    const holder = await clusterHolder(settings);
    if (holder === undefined) {
      list.headline("No cluster was running");
      return;
    }
    const outcome = await stopProcess(holder, io.signal);
    if (outcome === "killed") list.headline(`Process ${holder.processId} did not end by itself and was killed`);
    list.headline("Uninstalled fluvio local components");
  } finally {
    list.end();
  }
}

const remove = command({
  noun: "cluster",
  verb: "delete",
  summary: "Stop the local cluster and delete all its data",
  options: {
    local: startOptions.local,
    force: flag({ long: "force", short: "f", summary: "Do not ask" }),
    namespace: value({
      long: "namespace",
      value: "N",
      summary: "For Kubernetes; not needed",
      hidden: true,
      parse: nonEmpty,
    }),
    k8: flag({ long: "k8", summary: "Not available: Kubernetes", hidden: true }),
    sys: flag({ long: "sys", summary: "Not available: Kubernetes", hidden: true }),
  },
  run: async (input, io) => {
    if (input.k8 || input.sys) {
      throw flvError("FLV_UNSUPPORTED", "Kubernetes is not supported", { hint: "leave --k8 and --sys out" });
    }
    const settings = await currentSettings(io);
    if (!input.force && !(await confirmed(io, settings))) {
      io.stdout.print("Confirmation failed. Aborting.");
      return 0;
    }
    io.stdout.print(`Deleting local/${scAddress(settings)}`);
    const holder = await clusterHolder(settings);
    if (holder !== undefined) await stopProcess(holder, io.signal);
    const removed = await removeCluster(io, settings);
    for (const line of removed) io.stdout.print(`  removed ${line}`);
    io.stdout.print(removed.length === 0 ? "Nothing was there to remove" : "Uninstalled fluvio local components");
    return 0;
  },
});

async function confirmed(io: Io, settings: ClusterSettings): Promise<boolean> {
  if (!io.stdinIsTty) {
    throw flvError("FLV_ARGUMENT", "Deleting a cluster asks for confirmation, and there is no terminal to ask on", {
      hint: "add --force to delete without asking",
    });
  }
  io.stderr.print(`WARNING: this deletes the cluster \`local\` with all its topics and records (${settings.data_dir})`);
  return (await askText(io, "Type the name of the cluster to confirm: ")) === "local";
}

const check = command({
  noun: "cluster",
  verb: "check",
  summary: "Check whether a cluster can be started here",
  options: {
    local: startOptions.local,
    ...settingsOptions,
    fix: flag({ long: "fix", summary: "Nothing to fix: kept for scripts", hidden: true }),
  },
  run: async (input, io) => {
    const list = createChecklist(io.stderr, io.env);
    list.headline("Running pre-startup checks...");
    await preflight(io, withGiven(await currentSettings(io), input, io), {
      ...list,
      // Results are what this command is for.
      done: (text) => list.headline(text),
    });
    list.headline("🎉 All checks passed!");
    return 0;
  },
});

const upgrade = command({
  noun: "cluster",
  verb: "upgrade",
  summary: "How to move the local cluster to another version",
  options: {
    force: flag({ long: "force", short: "f", summary: "Accepted for scripts", hidden: true }),
    ...startOptions,
  },
  run: async (_input, io) => {
    const settings = await currentSettings(io);
    io.stdout.print(`This program is version ${settings.version}, and so is every cluster it starts.`);
    io.stdout.print("To upgrade: install the new version of this program the way this one was installed, then");
    io.stdout.print("  fluvio cluster shutdown");
    io.stdout.print("  fluvio cluster start");
    io.stdout.print("Data and settings are kept.");
    return 0;
  },
});

export const clusterCommands: readonly Command[] = [
  start,
  resume,
  run,
  shutdown,
  remove,
  check,
  status,
  upgrade,
  diagnostics,
  ...spuCommands,
  ...spgCommands,
];
