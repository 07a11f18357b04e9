import type { FluvioObject } from "../../../client/index.ts";
import { endpoint } from "../../cluster/endpoint.ts";
import { arg, command, flag, value, valueOr } from "../../command.ts";
import { outputOption, printListing } from "../../output/format.ts";
import { renderTable } from "../../output/table.ts";
import { integer, nonEmpty } from "../../values.ts";

type Spu = FluvioObject<"SPU">;

const STATUS_WORDS = { online: "Online", offline: "Offline", init: "Init" } as const;

const publicAddress = (spec: Spu["spec"]): string => {
  const ingress = spec.publicEndpoint.ingress[0];
  return `${ingress?.hostname ?? ingress?.ip ?? ""}:${spec.publicEndpoint.port}`;
};
const privateAddress = (spec: Spu["spec"]): string => `${spec.privateEndpoint.host}:${spec.privateEndpoint.port}`;

const list = command({
  noun: "cluster",
  verb: "spu list",
  summary: "List the SPUs of the cluster",
  options: { custom: flag({ long: "custom", summary: "Only custom SPUs" }), output: outputOption },
  run: async (input, io) => {
    const all = await (await io.connect()).admin().listSpus([], { signal: io.signal });
    const spus = input.custom ? all.filter((spu) => spu.spec.spuType === "custom") : all;
    printListing(io.stdout, {
      format: input.output,
      plural: "spus",
      empty: "no spu",
      objects: spus,
      table: () =>
        renderTable(
          ["ID", "NAME", "STATUS", "TYPE", "RACK", "PUBLIC", "PRIVATE"],
          spus.map(({ name, spec, status }) => [
            String(spec.id),
            name,
            STATUS_WORDS[status.resolution],
            `"${spec.spuType}"`,
            spec.rack ?? "-",
            publicAddress(spec),
            privateAddress(spec),
          ]),
        ),
    });
    return 0;
  },
});

const register = command({
  noun: "cluster",
  verb: "spu register",
  summary: "Register a custom SPU",
  options: {
    id: value({ long: "id", short: "i", value: "ID", summary: "Id of the SPU", parse: integer(0, 2 ** 31 - 1) }),
    name: value({ long: "name", short: "n", value: "NAME", summary: "Name; default custom-spu-ID", parse: nonEmpty }),
    rack: value({ long: "rack", short: "r", value: "RACK", summary: "Rack", parse: nonEmpty }),
    publicServer: value({
      long: "public-server",
      short: "p",
      value: "HOST:PORT",
      summary: "Where clients reach it",
      parse: endpoint,
    }),
    publicServerLocal: value({
      long: "public-server-local",
      short: "l",
      value: "HOST:PORT",
      summary: "Where clients of its own network reach it",
      parse: endpoint,
    }),
    privateServer: value({
      long: "private-server",
      short: "v",
      value: "HOST:PORT",
      summary: "Where other SPUs reach it",
      parse: endpoint,
    }),
  },
  check: (input) => {
    const missing = [
      ...(input.id === undefined ? ["--id <ID>"] : []),
      ...(input.publicServer === undefined ? ["--public-server <HOST:PORT>"] : []),
      ...(input.privateServer === undefined ? ["--private-server <HOST:PORT>"] : []),
    ];
    return missing.length === 0
      ? undefined
      : `the following required arguments were not provided:\n  ${missing.join("\n  ")}`;
  },
  run: async (input, io) => {
    const { id = 0, publicServer, privateServer, publicServerLocal } = input;
    if (publicServer === undefined || privateServer === undefined) return 2;
    await (await io.connect()).admin().createCustomSpu(input.name ?? `custom-spu-${id}`, {
      id,
      publicEndpoint: { port: publicServer.port, ingress: [{ hostname: publicServer.host }], encryption: "plaintext" },
      privateEndpoint: { ...privateServer, encryption: "plaintext" },
      ...(input.rack === undefined ? {} : { rack: input.rack }),
      ...(publicServerLocal === undefined
        ? {}
        : { publicEndpointLocal: { ...publicServerLocal, encryption: "plaintext" as const } }),
    });
    return 0;
  },
});

const unregister = command({
  noun: "cluster",
  verb: "spu unregister",
  summary: "Unregister a custom SPU",
  options: {
    id: value({
      long: "id",
      short: "i",
      value: "ID",
      summary: "Id of the SPU",
      conflicts: ["name"],
      parse: integer(0, 2 ** 31 - 1),
    }),
    name: value({ long: "name", short: "n", value: "NAME", summary: "Name of the SPU", parse: nonEmpty }),
  },
  check: (input) =>
    input.id === undefined && input.name === undefined
      ? "the following required arguments were not provided:\n  <--id <ID>|--name <NAME>>"
      : undefined,
  run: async (input, io) => {
    await (await io.connect()).admin().deleteCustomSpu(input.id ?? input.name ?? "", { signal: io.signal });
    return 0;
  },
});

const groupCreate = command({
  noun: "cluster",
  verb: "spg create",
  summary: "Create an SPU group",
  args: { name: arg({ name: "NAME", summary: "Name of the group" }) },
  options: {
    replicas: valueOr({
      long: "replicas",
      short: "r",
      value: "N",
      summary: "Number of SPUs",
      parse: integer(1, 65_535),
      default: 1,
    }),
    minId: valueOr({
      long: "min-id",
      value: "ID",
      summary: "Id of the first SPU",
      parse: integer(0, 2 ** 31 - 1),
      default: 1,
    }),
    rack: value({ long: "rack", value: "RACK", summary: "Rack", parse: nonEmpty }),
    storageSize: value({ long: "storage-size", value: "SIZE", summary: "Storage of each SPU (10Gi)", parse: nonEmpty }),
  },
  run: async (input, io) => {
    await (await io.connect()).admin().createSpuGroup(input.name, {
      replicas: input.replicas,
      minId: input.minId,
      env: [],
      ...(input.rack === undefined ? {} : { rack: input.rack }),
      ...(input.storageSize === undefined ? {} : { storage: { size: input.storageSize } }),
    });
    return 0;
  },
});

const GROUP_WORDS = { init: "Init", invalid: "Invalid", reserved: "Reserved" } as const;
const STORAGE_SIZE_DEFAULT = "10Gi";
const GROUP_COLUMNS = ["NAME", "REPLICAS", "MIN ID", "RACK", "SIZE", "STATUS"];

const groupList = command({
  noun: "cluster",
  verb: "spg list",
  summary: "List the SPU groups",
  options: { output: outputOption },
  run: async (input, io) => {
    const groups = await (await io.connect()).admin().listSpuGroups([], { signal: io.signal });
    printListing(io.stdout, {
      format: input.output,
      plural: "groups",
      empty: "no groups",
      objects: groups,
      table: () =>
        `\n-------------\n${renderTable(
          GROUP_COLUMNS,
          groups.map(({ name, spec, status }) => [
            name,
            centred(String(spec.replicas), "REPLICAS".length),
            String(spec.minId),
            spec.rack ?? "",
            spec.storage?.size ?? STORAGE_SIZE_DEFAULT,
            GROUP_WORDS[status.resolution],
          ]),
          { align: GROUP_COLUMNS.map(() => "right" as const) },
        )}`,
    });
    return 0;
  },
});

/** As the original lays this one column out. */
function centred(text: string, width: number): string {
  const blanks = Math.max(0, width - text.length);
  return text.padStart(text.length + Math.ceil(blanks / 2)).padEnd(width);
}

const groupDelete = command({
  noun: "cluster",
  verb: "spg delete",
  summary: "Delete an SPU group",
  args: { name: arg({ name: "NAME", summary: "Name of the group" }) },
  run: async (input, io) => {
    await (await io.connect()).admin().deleteSpuGroup(input.name, { signal: io.signal });
    return 0;
  },
});

export const spuCommands = [list, register, unregister];
export const spgCommands = [groupCreate, groupList, groupDelete];
