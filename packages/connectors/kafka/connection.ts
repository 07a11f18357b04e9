import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import type { BaseOptions } from "@platformatic/kafka";
import { field } from "fluvio/connector";
import type { ClientOptions } from "./client-options.ts";

const PROTOCOLS = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] as const;
const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

const pem = (what: string) =>
  field.map(
    {
      file: field.optionalPath({ doc: `file with ${what}, PEM` }),
      pem: field.optionalText({ doc: `${what}, PEM`, isSecret: true }),
    },
    { doc: `${what}: \`file\` or \`pem\`` },
  );

/** How a cluster of Kafka is reached. */
export const CONNECTION_FIELDS = {
  "kafka-url": field.texts({
    doc: "brokers to begin with, `host:port`",
    aliases: ["url"],
    secret: "KAFKA_URL",
    isSecret: false,
  }),
  "security-protocol": field.oneOf([...PROTOCOLS, "auto"], {
    doc: "how the connection is secured; `auto`: `ssl` when there are certificates, with SASL when there is a user",
    default: "auto",
  }),
  "ssl-ca-file": field.optionalPath({ doc: "file with the authority of the brokers' certificates, PEM" }),
  "ssl-ca-pem": field.optionalText({ doc: "the same as text", secret: "FLUVIO_KAFKA_CLIENT_CA" }),
  "ssl-cert-file": field.optionalPath({ doc: "file with the certificate of this client, PEM" }),
  "ssl-cert-pem": field.optionalText({ doc: "the same as text", secret: "FLUVIO_KAFKA_CLIENT_CERT" }),
  "ssl-key-file": field.optionalPath({ doc: "file with the key of that certificate, PEM" }),
  "ssl-key-pem": field.optionalText({ doc: "the same as text", secret: "FLUVIO_KAFKA_CLIENT_KEY" }),
  "sasl-mechanism": field.oneOf(MECHANISMS, { doc: "how the user is checked", default: "PLAIN" }),
  "sasl-username": field.optionalText({ doc: "user" }),
  "sasl-password": field.optionalText({ doc: "password of the user", isSecret: true }),
  security: field.map(
    {
      security_protocol: field.oneOf([...PROTOCOLS, "auto"], { doc: "as `security-protocol`", default: "ssl" }),
      ssl_ca: pem("the authority of the brokers' certificates"),
      ssl_cert: pem("the certificate of this client"),
      ssl_key: pem("the key of that certificate"),
    },
    { doc: "the same in one map" },
  ),
} as const;

interface Pem {
  readonly file?: string | undefined;
  readonly pem?: string | undefined;
}

/** What {@link CONNECTION_FIELDS} give. */
export interface ConnectionConfig {
  readonly "kafka-url": readonly string[];
  readonly "security-protocol": (typeof PROTOCOLS)[number] | "auto";
  readonly "ssl-ca-file": string | undefined;
  readonly "ssl-ca-pem": string | undefined;
  readonly "ssl-cert-file": string | undefined;
  readonly "ssl-cert-pem": string | undefined;
  readonly "ssl-key-file": string | undefined;
  readonly "ssl-key-pem": string | undefined;
  readonly "sasl-mechanism": (typeof MECHANISMS)[number];
  readonly "sasl-username": string | undefined;
  readonly "sasl-password": string | undefined;
  readonly security:
    | {
        readonly security_protocol: (typeof PROTOCOLS)[number] | "auto";
        readonly ssl_ca: Pem | undefined;
        readonly ssl_cert: Pem | undefined;
        readonly ssl_key: Pem | undefined;
      }
    | undefined;
}

const CONNECT_TIMEOUT_MS = 4000;

/** The brokers, for messages. */
export function shownBrokers(config: Pick<ConnectionConfig, "kafka-url">): string {
  return config["kafka-url"].join(", ");
}

/**
 * What every client of the driver takes.
 * @throws when a file of certificates cannot be read
 */
export async function connectionOptions(config: ConnectionConfig, own: ClientOptions, name: string) {
  const { security } = config;
  const pick = (part: "ca" | "cert" | "key"): Pem[] => [
    security?.[`ssl_${part}`] ?? {},
    { file: config[`ssl-${part}-file`], pem: config[`ssl-${part}-pem`] },
    { file: own[`${part}File`], pem: own[`${part}Pem`] },
  ];
  const [ca, cert, key] = await Promise.all((["ca", "cert", "key"] as const).map((part) => firstPem(pick(part))));
  const username = config["sasl-username"] ?? own.username;
  const hasCertificates = ca !== undefined || cert !== undefined;
  const said = [config["security-protocol"], security?.security_protocol ?? "auto", own.protocol ?? "auto"];
  const protocol =
    said.find((one) => one !== "auto") ??
    `${username === undefined ? "" : "sasl_"}${hasCertificates ? "ssl" : "plaintext"}`;
  return {
    clientId: own.clientId ?? `fluvio_connector_${name}`,
    bootstrapBrokers: [...config["kafka-url"]],
    connectTimeout: own.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    ...(protocol.endsWith("ssl") ? tls(config, own, { ca, cert, key }) : {}),
    ...(protocol.startsWith("sasl")
      ? {
          sasl: {
            mechanism: own.mechanism ?? config["sasl-mechanism"],
            username: username ?? "",
            password: config["sasl-password"] ?? own.password ?? "",
          },
        }
      : {}),
  } satisfies BaseOptions;
}

interface Certificates {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

function tls(config: ConnectionConfig, own: ClientOptions, { ca, cert, key }: Certificates) {
  const options: TlsOptions = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(own.keyPassword === undefined ? {} : { passphrase: own.keyPassword }),
    ...(own.checksCertificate === false ? { rejectUnauthorized: false } : {}),
    ...(own.checksHost === false ? { checkServerIdentity: () => undefined } : {}),
  };
  const hasName = config["kafka-url"].every((one) => isIP(one.replace(/:\d+$/, "")) === 0);
  return { tls: options, ...(hasName ? { tlsServerName: true } : {}) };
}

async function firstPem(places: readonly Pem[]): Promise<string | undefined> {
  for (const { file, pem: text } of places) {
    if (text !== undefined) return text;
    if (file !== undefined) return await readFile(file, "utf8");
  }
  return undefined;
}
