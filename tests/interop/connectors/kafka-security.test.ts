import { createPrivateKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connector as sink } from "../../../packages/connectors/kafka/sink.ts";
import { connector as source } from "../../../packages/connectors/kafka/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import { CA_CERT, CLIENT_CERT, CLIENT_KEY } from "../../../packages/fluvio/src/transport/testing/certificates.ts";
import { KAFKA_USERS, Kafka } from "../services/kafka.ts";

/** Brokers that want to know who asks, or are reached by TLS. */
const connectors = useConnectors();
let kafka: Kafka;
let kafkaTopic: string;
let names = 0;

beforeAll(async () => {
  kafka = await Kafka.start();
});
afterAll(() => kafka[Symbol.asyncDispose]());
beforeEach(async () => {
  kafkaTopic = `secured-${++names}`;
  await kafka.createTopic(kafkaTopic);
});

const { plain, scram } = KAFKA_USERS;
const anyHost = { "ssl.endpoint.identification.algorithm": "none" };
const lockedKey = (passphrase: string) =>
  createPrivateKey(CLIENT_KEY).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }).toString();

describe("the source", () => {
  const config = (topic: string, parameters: object) =>
    connectors.config("kafka-source", topic, { "kafka-topic": kafkaTopic, "kafka-group": kafkaTopic, ...parameters });

  test.each([
    ["PLAIN", "SASL_PLAINTEXT", { "sasl-username": plain.username, "sasl-password": plain.password }],
    [
      "SCRAM-SHA-512",
      "SASL_PLAINTEXT",
      { "sasl-mechanism": "SCRAM-SHA-512", "sasl-username": scram.username, "sasl-password": scram.password },
    ],
    [
      "SCRAM-SHA-256 by librdkafka's names, over TLS",
      "SASL_SSL",
      {
        "kafka-option": {
          ...anyHost,
          "security.protocol": "sasl_ssl",
          "sasl.mechanism": "SCRAM-SHA-256",
          "sasl.username": scram.username,
          "sasl.password": scram.password,
          "ssl.ca.pem": CA_CERT,
        },
      },
    ],
    [
      "TLS with a certificate of the client",
      "SSL",
      { "ssl-ca-pem": CA_CERT, "ssl-cert-pem": CLIENT_CERT, "ssl-key-pem": CLIENT_KEY, "kafka-option": anyHost },
    ],
    [
      "TLS with a key that has a password, whatever certificate the broker has",
      "SSL",
      {
        "security-protocol": "ssl",
        "ssl-cert-pem": CLIENT_CERT,
        "ssl-key-pem": lockedKey("key-password"),
        "kafka-option": { "ssl.key.password": "key-password", "enable.ssl.certificate.verification": "false" },
      },
    ],
  ] as const)("reads with %s", async (_, listener, parameters) => {
    await kafka.produce([{ topic: kafkaTopic, value: Buffer.from("0") }]);
    const topic = await connectors.topicWith([]);
    connectors.start(source, config(topic, { "kafka-url": kafka.url(listener), ...parameters }));
    expect(await connectors.records(topic, 1)).toMatchObject([{ value: "0" }]);
  });

  test.each([
    [
      "a wrong password",
      { "sasl-username": "plain", "sasl-password": "no" },
      "SASL_PLAINTEXT",
      /[Aa]uthentication failed/,
    ],
    ["a certificate of another name", { "ssl-ca-pem": CA_CERT }, "SASL_SSL", /does not match certificate/],
  ] as const)("says why when it does not get in: %s", async (_, parameters, listener, expected) => {
    const topic = await connectors.topicWith([]);
    const connector = connectors.start(source, config(topic, { "kafka-url": kafka.url(listener), ...parameters }));
    await connector.until(() => connector.troubles.some((one) => expected.test(one)));
    expect(JSON.stringify(connector.lines)).not.toContain('"no"');
  });
});

describe("the sink", () => {
  const values = async (count: number) => (await kafka.records(kafkaTopic, count)).map(({ value }) => value.toString());

  test("writes over TLS with certificates from files, as today's section says it", async () => {
    const topic = await connectors.topicWith(["0"]);
    const files = { ca: CA_CERT, cert: CLIENT_CERT, key: CLIENT_KEY };
    for (const [name, text] of Object.entries(files)) await writeFile(join(connectors.folder, name), text);
    const file = (name: string) => ({ file: join(connectors.folder, name) });
    const security = { security_protocol: "ssl", ssl_ca: file("ca"), ssl_cert: file("cert"), ssl_key: file("key") };
    const parameters = { url: kafka.url("SSL"), topic: kafkaTopic, security, options: anyHost };
    connectors.start(sink, connectors.config("kafka-sink", topic, parameters));
    expect(await values(1)).toEqual(["0"]);
  });

  test("writes with SASL and secrets", async () => {
    const topic = await connectors.topicWith(["0"]);
    const parameters = {
      "kafka-url": kafka.url("SASL_SSL"),
      "sasl-mechanism": "scram-sha-256",
      "sasl-username": scram.username,
      "sasl-password": "${{ secrets.KAFKA_PASSWORD }}",
      "kafka-option": anyHost,
    };
    const secrets = { KAFKA_PASSWORD: scram.password, FLUVIO_KAFKA_CLIENT_CA: CA_CERT };
    const own = { "kafka-topic": kafkaTopic, ...parameters };
    connectors.start(sink, connectors.config("kafka-sink", topic, own, { secrets }));
    expect(await values(1)).toEqual(["0"]);
  });
});
