import type { SecretEntry } from "../../client/index.ts";
import { flvError } from "../../protocol/index.ts";
import { arg, type Command, command, value } from "../command.ts";
import { readUserFile } from "../files.ts";
import type { Io } from "../io.ts";
import { outputOption, printListing } from "../output/format.ts";
import { renderTable } from "../output/table.ts";
import { askHidden } from "../prompt.ts";
import { nonEmpty } from "../values.ts";

const name = arg({ name: "NAME", summary: "Name of the secret: letters, digits and _" });

const set = command({
  noun: "secret",
  verb: "set",
  summary: "Keep a secret in the cluster, encrypted, or change it",
  description:
    "Connector files use it as ${{ secrets.NAME }}. The value is asked for on a terminal, without showing it; else it is " +
    "what comes from standard input, up to 64 KiB without the last line end. It never leaves the cluster again. Connectors " +
    "that use the secret are started again with the new value.",
  args: { name },
  options: {
    value: value({
      long: "value",
      value: "VALUE",
      summary: "The value; other users of this machine may see it in the list of processes",
      parse: nonEmpty,
      conflicts: ["file"],
    }),
    file: value({ long: "file", short: "f", value: "FILE", summary: "File that holds the value", parse: nonEmpty }),
  },
  examples: [
    { command: "fluvio secret set API_KEY" },
    { text: "from a file", command: "fluvio secret set DB_PASSWORD --file ./password.txt" },
  ],
  run: async (input, io) => {
    const given = await givenValue(input, io);
    if (given.length === 0) {
      throw flvError("FLV_ARGUMENT", `The value of secret ${input.name} is empty`, {
        hint: "type it, or give it with --file or on standard input",
      });
    }
    const kept = await (await io.connect()).admin().setSecret(input.name, given, { signal: io.signal });
    io.stdout.print(`Secret "${input.name}" set successfully`);
    if (kept.usedBy.length > 0) io.stdout.print(`started again, because they use it: ${kept.usedBy.join(", ")}`);
    return 0;
  },
});

async function givenValue(
  input: { readonly name: string; readonly value: string | undefined; readonly file: string | undefined },
  io: Io,
): Promise<Uint8Array> {
  if (input.value !== undefined) return new TextEncoder().encode(input.value);
  if (input.file !== undefined) return withoutLineEnd(await readUserFile(io, input.file));
  if (io.stdinIsTty) return new TextEncoder().encode(await askHidden(io, `Value of secret ${input.name}: `));
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin) chunks.push(chunk as Uint8Array);
  return withoutLineEnd(Buffer.concat(chunks));
}

/** Editors and `echo` end a text with one. */
function withoutLineEnd(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

const list = command({
  noun: "secret",
  verb: "list",
  summary: "List the secrets of the cluster, without their values",
  options: { output: outputOption },
  run: async ({ output }, io) => {
    const found = await (await io.connect()).admin().listSecrets({ signal: io.signal });
    const secrets = found.map(({ setTimeMs, ...rest }) => ({ ...rest, lastUpdate: new Date(setTimeMs).toISOString() }));
    printListing(io.stdout, {
      format: output,
      plural: "secrets",
      empty: "no secrets",
      objects: secrets,
      table: () =>
        renderTable(
          ["SecretNames", "LastUpdate", "UsedBy"],
          secrets.map((one) => [one.name, one.lastUpdate, one.usedBy.join(", ") || "-"]),
          { indent: 0 },
        ),
    });
    return 0;
  },
});

const remove = command({
  noun: "secret",
  verb: "delete",
  summary: "Delete a secret; connectors that use it fail until it is set again",
  args: { name },
  run: async (input, io) => {
    const deleted: SecretEntry = await (await io.connect()).admin().deleteSecret(input.name, { signal: io.signal });
    io.stdout.print(`Secret "${input.name}" deleted successfully`);
    if (deleted.usedBy.length > 0) {
      io.stderr.print(`these connectors use it and fail until it is set again: ${deleted.usedBy.join(", ")}`);
    }
    return 0;
  },
});

export const secretCommands: readonly Command[] = [set, list, remove];
