import { value } from "../../command.ts";
import { nonEmpty } from "../../values.ts";

/** Options of every command that takes a connector file. */
export const fileOptions = {
  config: value({
    long: "config",
    short: "c",
    value: "FILE",
    summary: "Connector file, such as connect.yml",
    parse: nonEmpty,
  }),
  secrets: value({
    long: "secrets",
    short: "s",
    value: "FILE",
    summary: "File of KEY=VALUE lines with the values of the secrets; default: the environment",
    parse: nonEmpty,
  }),
};

export const needsConfig = (input: { readonly config: string | undefined }): string | undefined =>
  input.config === undefined ? "the following required arguments were not provided:\n  --config <FILE>" : undefined;
