import { readFile } from "node:fs/promises";
import { field } from "fluvio/connector";
import type { z } from "zod";

/** Options of a TLS connection: each is PEM text, or the path of a file that holds it. */
export const tlsFields: {
  readonly ca: z.ZodType<string | undefined>;
  readonly cert: z.ZodType<string | undefined>;
  readonly key: z.ZodType<string | undefined>;
} = {
  ca: field.optionalPem({ doc: "certificate of the authority that the server is trusted by: PEM text or a file" }),
  cert: field.optionalPem({ doc: "own certificate, where the server asks for one: PEM text or a file" }),
  key: field.optionalPem({ doc: "private key of the own certificate: PEM text or a file", isSecret: true }),
};

/** The `tls` option of connectors whose URLs say whether TLS is used. */
export const tlsField = field.map(tlsFields, { doc: "how https or wss is spoken" });

export interface TlsOptions {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * The PEM texts of the options that are given.
 * @param prefix of their names in the connector's file, for messages
 * @throws when a file cannot be read
 */
export async function loadTls(
  options: TlsOptions | undefined,
  prefix = "",
): Promise<{ ca?: string; cert?: string; key?: string }> {
  const loaded: { ca?: string; cert?: string; key?: string } = {};
  for (const name of ["ca", "cert", "key"] as const) {
    const given = options?.[name];
    if (given !== undefined) loaded[name] = await pemText(`${prefix}${name}`, given);
  }
  return loaded;
}

async function pemText(name: string, given: string): Promise<string> {
  if (given.includes("-----BEGIN")) return given;
  try {
    return await readFile(given, "utf8");
  } catch (cause) {
    throw new Error(`cannot read the file of \`${name}\`: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
