import { field } from "fluvio/connector";

/** What is known of the properties that librdkafka's users write; each name here is one that means something. */
export interface ClientOptions {
  readonly clientId?: string;
  readonly protocol?: "plaintext" | "ssl" | "sasl_plaintext" | "sasl_ssl";
  readonly mechanism?: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly username?: string;
  readonly password?: string;
  readonly caFile?: string;
  readonly caPem?: string;
  readonly certFile?: string;
  readonly certPem?: string;
  readonly keyFile?: string;
  readonly keyPem?: string;
  readonly keyPassword?: string;
  readonly checksCertificate?: boolean;
  readonly checksHost?: boolean;
  readonly connectTimeoutMs?: number;
  readonly metadataMaxAgeMs?: number;
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly acks?: -1;
  readonly isIdempotent?: boolean;
  readonly lingerMs?: number;
  readonly batchSizeBytes?: number;
  readonly batchRecordsMax?: number;
  readonly partitioner?: "murmur2";
  readonly groupInstanceId?: string;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  readonly start?: "earliest" | "latest";
  readonly fetchSizeBytesMin?: number;
  readonly fetchWaitMs?: number;
  readonly fetchSizeBytesMax?: number;
  readonly partitionSizeBytesMax?: number;
  readonly isolation?: "read_committed" | "read_uncommitted";
}

type Side = "source" | "sink";
interface Known {
  readonly only?: Side;
  /** What is accepted, for messages. */
  readonly expected: string;
  read(value: string): ClientOptions | undefined;
}

/** The words of a property, whatever their case, and what each means; a word may have several spellings. */
function words<const V extends Readonly<Record<string, unknown>>>(
  key: keyof ClientOptions,
  meanings: V,
  only?: Side,
): Known {
  return {
    ...(only === undefined ? {} : { only }),
    expected: Object.keys(meanings).join(", "),
    read: (value) => {
      const word = Object.keys(meanings).find((one) => one.toLowerCase() === value.toLowerCase());
      return word === undefined ? undefined : { [key]: meanings[word] };
    },
  };
}

function texts(key: keyof ClientOptions, only?: Side): Known {
  return {
    ...(only === undefined ? {} : { only }),
    expected: "a text",
    read: (value) => (value === "" ? undefined : { [key]: value }),
  };
}

function numbers(key: keyof ClientOptions, only?: Side): Known {
  return {
    ...(only === undefined ? {} : { only }),
    expected: "a whole number",
    read: (value) => (/^\d{1,9}$/.test(value) ? { [key]: Number(value) } : undefined),
  };
}

const protocol = words("protocol", {
  plaintext: "plaintext",
  ssl: "ssl",
  sasl_plaintext: "sasl_plaintext",
  sasl_ssl: "sasl_ssl",
});
const mechanism = words("mechanism", {
  PLAIN: "PLAIN",
  "SCRAM-SHA-256": "SCRAM-SHA-256",
  "SCRAM-SHA-512": "SCRAM-SHA-512",
});
const compression = words(
  "compression",
  { none: "none", gzip: "gzip", snappy: "snappy", lz4: "lz4", zstd: "zstd" },
  "sink",
);
const acks = words("acks", { all: -1, "-1": -1 }, "sink");
const start = words(
  "start",
  {
    earliest: "earliest",
    smallest: "earliest",
    beginning: "earliest",
    latest: "latest",
    largest: "latest",
    end: "latest",
  },
  "source",
);
const yesNo = { true: true, false: false } as const;

const KNOWN: Readonly<Record<string, Known>> = {
  "client.id": texts("clientId"),
  "security.protocol": protocol,
  "sasl.mechanism": mechanism,
  "sasl.mechanisms": mechanism,
  "sasl.username": texts("username"),
  "sasl.password": texts("password"),
  "ssl.ca.location": texts("caFile"),
  "ssl.ca.pem": texts("caPem"),
  "ssl.certificate.location": texts("certFile"),
  "ssl.certificate.pem": texts("certPem"),
  "ssl.key.location": texts("keyFile"),
  "ssl.key.pem": texts("keyPem"),
  "ssl.key.password": texts("keyPassword"),
  "enable.ssl.certificate.verification": words("checksCertificate", yesNo),
  "ssl.endpoint.identification.algorithm": words("checksHost", { https: true, none: false }),
  "socket.connection.setup.timeout.ms": numbers("connectTimeoutMs"),
  "metadata.max.age.ms": numbers("metadataMaxAgeMs"),
  "topic.metadata.refresh.interval.ms": numbers("metadataMaxAgeMs"),
  "compression.type": compression,
  "compression.codec": compression,
  acks,
  "request.required.acks": acks,
  "enable.idempotence": words("isIdempotent", yesNo, "sink"),
  "linger.ms": numbers("lingerMs", "sink"),
  "queue.buffering.max.ms": numbers("lingerMs", "sink"),
  "batch.size": numbers("batchSizeBytes", "sink"),
  "batch.num.messages": numbers("batchRecordsMax", "sink"),
  partitioner: words("partitioner", { murmur2: "murmur2", murmur2_random: "murmur2" }, "sink"),
  "group.instance.id": texts("groupInstanceId", "source"),
  "session.timeout.ms": numbers("sessionTimeoutMs", "source"),
  "heartbeat.interval.ms": numbers("heartbeatIntervalMs", "source"),
  "auto.offset.reset": start,
  "fetch.min.bytes": numbers("fetchSizeBytesMin", "source"),
  "fetch.wait.max.ms": numbers("fetchWaitMs", "source"),
  "fetch.max.bytes": numbers("fetchSizeBytesMax", "source"),
  "max.partition.fetch.bytes": numbers("partitionSizeBytesMax", "source"),
  "fetch.message.max.bytes": numbers("partitionSizeBytesMax", "source"),
  "isolation.level": words(
    "isolation",
    { read_committed: "read_committed", read_uncommitted: "read_uncommitted" },
    "source",
  ),
};

/** The names that a source or a sink takes, for the documentation. */
export function knownOptions(side: Side): string[] {
  return Object.entries(KNOWN).flatMap(([name, { only = side }]) => (only === side ? [name] : []));
}

/** The field of the map of properties. */
export function optionsField(side: Side) {
  return field
    .pairs({
      doc: "properties by librdkafka's names, `name: value`; the list is below",
      aliases: ["kafka-options", "options"],
      isSecret: true,
    })
    .refine((pairs) => pairs.every(([name, value]) => problemOf(side, name, value) === undefined), {
      error: ({ input }) => {
        const pairs = input as readonly (readonly [string, string])[];
        return pairs.map(([name, value]) => problemOf(side, name, value)).find((one) => one !== undefined) ?? "";
      },
    });
}

function problemOf(side: Side, name: string, value: string): string | undefined {
  const known = KNOWN[name];
  if (known === undefined) return `has \`${name}\`, which means nothing here: write ${knownOptions(side).join(", ")}`;
  if (known.only !== undefined && known.only !== side) return `has \`${name}\`, which is an option of a ${known.only}`;
  return known.read(value) === undefined ? `has a value for \`${name}\` that is not ${known.expected}` : undefined;
}

/** What a checked map of properties means. */
export function clientOptions(pairs: readonly (readonly [string, string])[]): ClientOptions {
  let options: ClientOptions = {};
  for (const [name, value] of pairs) options = { ...options, ...KNOWN[name]?.read(value) };
  return options;
}
