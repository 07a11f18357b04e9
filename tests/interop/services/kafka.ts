import { createPrivateKey, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Admin,
  Consumer,
  type Message,
  type MessageToProduce,
  Producer,
  type ProducerOptions,
} from "@platformatic/kafka";
import { CA_CERT, SERVER_CERT, SERVER_KEY } from "../../../packages/fluvio/src/transport/testing/certificates.ts";
import { freePort } from "../../free-port.ts";
import { Service } from "./service.ts";

const HERE = fileURLToPath(new URL("./kafka/", import.meta.url));
/** Where its install.sh put it. */
const HOME = join(process.env.FLUVIO_CI_CACHE ?? join(homedir(), ".cache/fluvio-ci"), "kafka");
const RECORDS_TIMEOUT_MS = 30_000;
const LISTENERS = ["PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL", "CONTROLLER"] as const;
type Listener = (typeof LISTENERS)[number];

/** Knows the users of the broker: `plain` by PLAIN, `scram` (made by install.sh) by SCRAM-SHA-256 and SCRAM-SHA-512. */
export const KAFKA_USERS = {
  plain: { username: "plain", password: "plain-secret" },
  scram: { username: "scram", password: "scram-secret" },
} as const;

/** Beside a {@link Kafka}. */
export interface SecondBroker {
  readonly service: Service;
  readonly url: string;
}

export type KafkaMessage = Message<Buffer, Buffer, Buffer, Buffer>;

/**
 * Apache Kafka 4.1 in one JVM that is broker and controller, with a listener of each security protocol. Its certificate is
 * that of `fluvio.local`; the listener `SSL` wants one of its clients too.
 */
export class Kafka implements AsyncDisposable {
  /** The broker that is the controller too. */
  readonly service: Service;
  readonly #firstPort: number;
  readonly #folder: string;

  private constructor(service: Service, firstPort: number, folder: string) {
    this.service = service;
    this.#firstPort = firstPort;
    this.#folder = folder;
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Kafka> {
    if (!existsSync(join(HOME, "ready"))) throw new Error(`Kafka is not installed: run ${HERE}install.sh`);
    const folder = await mkdtemp(join(tmpdir(), "fluvio-kafka-"));
    await cp(join(HOME, "data"), join(folder, "data"), { recursive: true });
    const firstPort = await freePort(LISTENERS.length);
    const key = createPrivateKey(SERVER_KEY).export({ type: "pkcs8", format: "pem" });
    await writeFile(join(folder, "keystore.pem"), `${key}${SERVER_CERT}`);
    await writeFile(join(folder, "truststore.pem"), CA_CERT);
    const service = await startBroker(folder, { ...brokerSettings(folder, firstPort), ...settings }, firstPort);
    return new Kafka(service, firstPort, folder);
  }

  /**
   * Starts a second broker of this cluster, number 2, in a JVM of its own, with the listener `PLAINTEXT` alone. Stop it before
   * this one is disposed of.
   */
  async startSecond(settings: Readonly<Record<string, string>> = {}): Promise<SecondBroker> {
    const folder = join(this.#folder, "second");
    await mkdir(join(folder, "data"), { recursive: true });
    const id = /^cluster\.id=.*$/m.exec(await readFile(join(HOME, "data", "meta.properties"), "utf8"))?.[0];
    await writeFile(join(folder, "data", "meta.properties"), `version=1\nnode.id=2\n${id}\n`);
    const port = await freePort();
    const listener = `PLAINTEXT://127.0.0.1:${port}`;
    const all = {
      ...clusterSettings(this.#firstPort),
      "process.roles": "broker",
      "node.id": "2",
      "log.dirs": join(folder, "data"),
      listeners: listener,
      "advertised.listeners": listener,
      ...settings,
    };
    return { service: await startBroker(folder, all, port), url: `127.0.0.1:${port}` };
  }

  /** `host:port` of a listener. */
  url(listener: Exclude<Listener, "CONTROLLER"> = "PLAINTEXT"): string {
    return `127.0.0.1:${portOf(listener, this.#firstPort)}`;
  }

  async createTopic(topic: string, partitions = 1, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const admin = this.admin();
    try {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
    } finally {
      await admin.close();
    }
  }

  /** Resolves when the records are in Kafka. */
  async produce(
    messages: readonly MessageToProduce[],
    options: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> = {},
  ): Promise<void> {
    const producer = this.producer(options);
    try {
      await producer.send({ messages: [...messages] });
    } finally {
      await producer.close();
    }
  }

  /** Close it after use. */
  producer(options: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>> = {}): Producer {
    return new Producer({ clientId: "fluvio-tests", bootstrapBrokers: [this.url()], acks: -1, ...options });
  }

  /** The first `count` records of a topic, as soon as they are there, those of each partition in order. */
  async records(topic: string, count: number): Promise<KafkaMessage[]> {
    const consumer = new Consumer({
      clientId: "fluvio-tests",
      groupId: `tests-${randomUUID()}`,
      // A broker that was silent is let in again after a while.
      retries: 40,
      retryDelay: 250,
      bootstrapBrokers: [this.url()],
    });
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false, maxWaitTime: 50 });
    const found: KafkaMessage[] = [];
    const late = AbortSignal.timeout(RECORDS_TIMEOUT_MS);
    late.addEventListener("abort", () => stream.destroy(new Error(`only ${found.length} of ${count} records`)));
    try {
      for await (const message of stream) {
        found.push(message);
        if (found.length >= count) break;
      }
      return found;
    } finally {
      await consumer.close(true);
    }
  }

  /** How many records a topic has. */
  async size(topic: string): Promise<number> {
    const consumer = new Consumer({ clientId: "fluvio-tests", groupId: "tests", bootstrapBrokers: [this.url()] });
    try {
      const ends = await consumer.listOffsets({ topics: [topic], timestamp: -1n });
      return Number((ends.get(topic) ?? []).reduce((sum, end) => sum + end, 0n));
    } finally {
      await consumer.close(true);
    }
  }

  /** What a group has committed, by partition; -1 where it has nothing. */
  async committed(groupId: string, topic: string, partitions = [0]): Promise<number[]> {
    const consumer = new Consumer({ clientId: "fluvio-tests", groupId, bootstrapBrokers: [this.url()] });
    consumer.topics.track(topic);
    try {
      const offsets = await consumer.listCommittedOffsets({ topics: [{ topic, partitions }] });
      return partitions.map((partition) => Number(offsets.get(topic)?.[partition] ?? -1n));
    } finally {
      await consumer.close(true);
    }
  }

  /** Close it after use. */
  admin(): Admin {
    return new Admin({ clientId: "fluvio-tests", bootstrapBrokers: [this.url()] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function portOf(listener: Listener, firstPort: number): number {
  return firstPort + 10 * LISTENERS.indexOf(listener);
}

/** @param port where it answers */
async function startBroker(folder: string, settings: Readonly<Record<string, string>>, port: number): Promise<Service> {
  const properties = join(folder, "server.properties");
  await writeFile(properties, text(settings));
  const jvm = [
    `-XX:SharedArchiveFile=${join(HOME, "classes.jsa")}`,
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    `-Dlog4j2.configurationFile=${HERE}log4j2.properties`,
  ];
  return await Service.start({
    name: "kafka",
    command: "java",
    args: [...jvm, "-cp", join(HOME, "libs/*"), "kafka.Kafka", properties],
    ready: () => answers(port),
  });
}

function brokerSettings(folder: string, firstPort: number): Readonly<Record<string, string>> {
  const address = (listener: Listener) => `${listener}://127.0.0.1:${portOf(listener, firstPort)}`;
  const login = KAFKA_USERS.plain;
  return {
    ...clusterSettings(firstPort),
    "process.roles": "broker,controller",
    "node.id": "1",
    "log.dirs": join(folder, "data"),
    listeners: LISTENERS.map(address).join(","),
    "advertised.listeners": LISTENERS.slice(0, -1).map(address).join(","),
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    ...Object.fromEntries(
      ["sasl_plaintext", "sasl_ssl"].map((listener) => [
        `listener.name.${listener}.plain.sasl.jaas.config`,
        `org.apache.kafka.common.security.plain.PlainLoginModule required user_${login.username}="${login.password}";`,
      ]),
    ),
    ...Object.fromEntries(
      ["sasl_plaintext", "sasl_ssl"].flatMap((listener) =>
        ["scram-sha-256", "scram-sha-512"].map((mechanism) => [
          `listener.name.${listener}.${mechanism}.sasl.jaas.config`,
          "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        ]),
      ),
    ),
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": join(folder, "keystore.pem"),
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": join(folder, "truststore.pem"),
    "listener.name.ssl.ssl.client.auth": "required",
  };
}

/** What all brokers of a cluster are told. */
function clusterSettings(firstPort: number): Readonly<Record<string, string>> {
  return {
    "listener.security.protocol.map": LISTENERS.map((one) => `${one}:${one === "CONTROLLER" ? "PLAINTEXT" : one}`).join(
      ",",
    ),
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": `1@127.0.0.1:${portOf("CONTROLLER", firstPort)}`,
    "inter.broker.listener.name": "PLAINTEXT",
    // so that a broker that was killed is let in again soon, and missed soon
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
  };
}

function text(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

async function answers(port: number): Promise<void> {
  const admin = new Admin({
    clientId: "fluvio-tests",
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    timeout: 2000,
  });
  try {
    await admin.listTopics();
  } finally {
    await admin.close();
  }
}
