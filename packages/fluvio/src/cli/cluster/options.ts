import { resolve } from "node:path";
import { flvError } from "../../protocol/index.ts";
import { flag, type InputOf, ValueError, value } from "../command.ts";
import type { Io } from "../io.ts";
import { integer, nonEmpty } from "../values.ts";
import { endpoint } from "./endpoint.ts";
import { engineOptions, engineSettings } from "./engine-limits.ts";
import { type ClusterSettings, flushMode, GATEWAY_ADDR_DEFAULT, GATEWAY_OFF } from "./settings.ts";
import { tlsFiles, tlsOptions } from "./tls.ts";

function flush(given: string): string {
  try {
    flushMode(given);
    return given;
  } catch {
    throw new ValueError(given, "expected always, os, or a time such as 100ms");
  }
}

function gatewayAddr(given: string): string {
  if (given === GATEWAY_OFF) return given;
  endpoint(given);
  return given;
}

/** Options of the local cluster, for `start` and `run`. What is not given is as it was last time. */
export const settingsOptions = {
  spu: value({ long: "spu", value: "N", summary: "Number of SPUs (1)", parse: integer(1, 100) }),
  dataDir: value({ long: "data-dir", value: "DIR", summary: "Data folder (~/.fluvio/data)", parse: nonEmpty }),
  logDir: value({ long: "log-dir", value: "DIR", summary: "Log folder (~/.fluvio/log)", parse: nonEmpty }),
  rustLog: value({ long: "rust-log", value: "LEVEL", summary: "Log level: error, warn, info, debug", parse: nonEmpty }),
  scPubAddr: value({
    long: "sc-pub-addr",
    value: "HOST:PORT",
    summary: "Where clients reach the cluster (127.0.0.1:9003)",
    parse: endpoint,
  }),
  scPrivAddr: value({
    long: "sc-priv-addr",
    value: "HOST:PORT",
    summary: "Accepted and not needed: SC and SPUs talk within the machine",
    hidden: true,
    parse: endpoint,
  }),
  spuBasePort: value({
    long: "spu-base-port",
    value: "PORT",
    summary: "Port of the first SPU (9010); each further one is 10 higher",
    parse: integer(1, 65_000),
  }),
  flush: value({
    long: "flush",
    value: "MODE",
    summary: "When acknowledged records are on disk: always (default), os, or a time such as 100ms",
    parse: flush,
  }),
  gatewayAddr: value({
    long: "gateway-addr",
    value: "HOST:PORT",
    summary: `Where /metrics and /healthz are served over HTTP (${GATEWAY_ADDR_DEFAULT}), or off`,
    parse: gatewayAddr,
  }),
  ...engineOptions,
  ...tlsOptions,
};

/** Options that choose what the original calls the installation; only a local one exists here. */
const unsupported = (long: string, placeholder?: string) =>
  placeholder === undefined
    ? flag({ long, summary: "Not available: see the message it gives", hidden: true })
    : value({
        long,
        value: placeholder,
        summary: "Not available: see the message it gives",
        hidden: true,
        parse: nonEmpty,
      });

const KUBERNETES = {
  localK8: unsupported("local-k8"),
  k8: unsupported("k8"),
  authorizationConfigMap: unsupported("authorization-config-map", "NAME"),
  chartVersion: unsupported("chart-version", "V"),
  imageVersion: unsupported("image-version", "V"),
  registry: unsupported("registry", "R"),
  namespace: unsupported("namespace", "N"),
  groupName: unsupported("group-name", "N"),
  installName: unsupported("install-name", "N"),
  chartLocation: unsupported("chart-location", "P"),
  chartValues: unsupported("chart-values", "F"),
  useK8PortForwarding: unsupported("use-k8-port-forwarding"),
  tlsClientSecretName: unsupported("tls-client-secret-name", "N"),
  tlsServerSecretName: unsupported("tls-server-secret-name", "N"),
  proxyAddr: unsupported("proxy-addr", "A"),
  serviceType: unsupported("service-type", "T"),
  spuStorageSize: unsupported("spu-storage-size", "N"),
  develop: unsupported("develop"),
  sysOnly: unsupported("sys-only"),
};

const NOT_YET = { readOnly: unsupported("read-only", "PATH") };

export const startOptions = {
  local: flag({ long: "local", summary: "A cluster on this machine: the only kind, and the default" }),
  ...settingsOptions,
  skipChecks: flag({ long: "skip-checks", summary: "Start without the checks before" }),
  setup: flag({ long: "setup", summary: "Only the checks", hidden: true }),
  skipProfileCreation: flag({ long: "skip-profile-creation", summary: "Leave the profiles as they are" }),
  ...KUBERNETES,
  ...NOT_YET,
};

type Given = InputOf<Record<never, never>, typeof settingsOptions>;

/** What was given on the command line on top of what `base` says. @throws FLV_ARGUMENT */
export function withGiven(base: ClusterSettings, given: Given, io: Io): ClusterSettings {
  return {
    ...base,
    data_dir: given.dataDir === undefined ? base.data_dir : resolve(io.cwd, given.dataDir),
    log_dir: given.logDir === undefined ? base.log_dir : resolve(io.cwd, given.logDir),
    sc_host: given.scPubAddr?.host ?? base.sc_host,
    sc_port: given.scPubAddr?.port ?? base.sc_port,
    spus: given.spu ?? base.spus,
    spu_base_port: given.spuBasePort ?? base.spu_base_port,
    flush: given.flush ?? base.flush,
    rust_log: given.rustLog ?? base.rust_log,
    gateway_addr: given.gatewayAddr ?? base.gateway_addr,
    ...engineSettings(base, given, io),
    tls: tlsFiles(given, base.tls, io),
  };
}

/** @throws FLV_UNSUPPORTED for an option of an installation that does not exist here */
export function refuseUnsupported(input: Readonly<Record<string, unknown>>): void {
  const isGiven = (key: string) => input[key] !== undefined && input[key] !== false;
  const wanted = Object.entries(KUBERNETES).find(([key]) => isGiven(key))?.[1];
  if (wanted !== undefined) {
    throw flvError("FLV_UNSUPPORTED", `--${wanted.long} is for Kubernetes, and this cluster does not need it`, {
      hint: "leave it out for a cluster on this machine, or run `fluvio cluster run` in a container of your own",
    });
  }
  const later = Object.entries(NOT_YET).find(([key]) => isGiven(key))?.[1];
  if (later !== undefined) {
    throw flvError("FLV_UNSUPPORTED", `--${later.long} is not supported yet`, { hint: "leave it out" });
  }
}
