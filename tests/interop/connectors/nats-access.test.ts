import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { afterEach, describe, expect, test, vi } from "vitest";
import { connector as sink } from "../../../packages/connectors/nats/sink.ts";
import { connector as source } from "../../../packages/connectors/nats/source.ts";
import { useConnectors } from "../../../packages/connectors/testing/connectors.ts";
import type { ParameterValue } from "../../../packages/fluvio/src/connector/file/config.ts";
import { makeCertificates } from "../services/certificates.ts";
import { type NatsServer, type NatsServerOptions, startNats } from "../services/nats.ts";

/** How nats-server is reached, and whom it lets in. */
const connectors = useConnectors();
const WAIT = { timeout: 60_000, interval: 20 };
type Parameters = Readonly<Record<string, ParameterValue>>;
type KeyPair = ReturnType<typeof nkeys.createUser>;

const servers: NatsServer[] = [];
afterEach(async () => {
  for (const one of servers.splice(0)) await one.service.kill();
});

async function serve(name: string, options: NatsServerOptions): Promise<NatsServer> {
  const started = await startNats(connectors.folder, name, options);
  servers.push(started);
  return started;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `${from + index}`);
const newTopic = () => connectors.topicWith([]);
const values = async (topic: string, count: number) =>
  (await connectors.records(topic, count)).map(({ value }) => value);
const stored = async (topic: string) => (await connectors.stored(topic)).map(({ value }) => value);
const startSource = (topic: string, parameters: Parameters) =>
  connectors.start(source, connectors.config("nats-source", topic, parameters));
const startSink = (topic: string, parameters: Parameters) =>
  connectors.start(sink, connectors.config("nats-sink", topic, { timeout: "2s", ...parameters }));

/** A server that trusts the accounts of an operator: lines of its configuration, and the credentials of a user. */
function operatorMode(): { readonly lines: readonly string[]; readonly credentials: string } {
  const [operator, system, account, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = (signer: KeyPair, subject: KeyPair, type: string, claims: object) => {
    const said = {
      jti: `${type}-${subject.getPublicKey()}`,
      iat: Math.floor(Date.now() / 1000),
      iss: signer.getPublicKey(),
      name: type,
      sub: subject.getPublicKey(),
      nats: { type, version: 2, ...claims },
    };
    const signed = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode(said)}`;
    return `${signed}.${Buffer.from(signer.sign(new TextEncoder().encode(signed))).toString("base64url")}`;
  };
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const ofAccount = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accounts = [
    `${system.getPublicKey()}: ${token(operator, system, "account", { limits: ofAccount })}`,
    `${account.getPublicKey()}: ${token(operator, account, "account", { limits: { ...ofAccount, ...storage } })}`,
  ];
  const jwt = token(account, user, "user", { pub: {}, sub: {}, ...unlimited });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    lines: [
      `operator: ${token(operator, operator, "operator", {})}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload: { ${accounts.join("\n")} }`,
    ],
    credentials: [
      "-----BEGIN NATS USER JWT-----",
      jwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      "",
    ].join("\n"),
  };
}

describe("who is let in", () => {
  const consuming = { stream: "own", subject: "own.>", create: "true" };

  test("is told by user and password, and a wrong one is told of", async () => {
    const { url } = await serve("guarded-1", { authorization: "user: ann, password: secret" });
    const topic = await newTopic();
    const running = startSource(topic, { url: url.replace("//", "//ann:secret@"), ...consuming });
    await running.until(() => running.lines.some(({ message }) => message === "consuming"));
    const refused = startSource(topic, { url, user: "ann", password: "wrong", ...consuming });
    await refused.until(() => refused.troubles.some((reason) => /Authorization Violation/.test(reason)));
    expect(JSON.stringify([refused.troubles, refused.lines])).not.toContain("wrong");
  });

  test("is told by a token", async () => {
    const { url } = await serve("guarded-2", { authorization: "token: s3cr3t" });
    const secrets = { NATS_URL: url.replace("//", "//s3cr3t@") };
    const config = connectors.config("nats-source", await newTopic(), consuming, { secrets });
    const running = connectors.start(source, config);
    await running.until(() => running.lines.some(({ message }) => message === "consuming"));
  });

  test("is told by an NKey", async () => {
    const pair = nkeys.createUser();
    const { url } = await serve("guarded-3", { authorization: `users: [{ nkey: ${pair.getPublicKey()} }]` });
    const nkey = new TextDecoder().decode(pair.getSeed());
    const running = startSource(await newTopic(), { url, nkey, ...consuming });
    await running.until(() => running.lines.some(({ message }) => message === "consuming"));
  });

  test("is told by a file of credentials, or their text", async () => {
    const { lines, credentials } = operatorMode();
    const started = await serve("operated", { lines });
    const path = join(connectors.folder, "user.creds");
    await writeFile(path, credentials);
    for (const given of [path, credentials]) {
      const running = startSource(await newTopic(), { url: started.url, credentials: given, ...consuming });
      await running.until(() => running.lines.some(({ message }) => message === "consuming"));
    }
    const refused = startSource(await newTopic(), { url: started.url, ...consuming });
    await refused.until(() => refused.troubles.some((reason) => /Authorization Violation/.test(reason)));
  });

  test("is told by certificates", async () => {
    const tls = await makeCertificates(connectors.folder);
    const started = await serve("secure", { tls });
    const url = started.url.replace("nats:", "tls:");
    const topic = await newTopic();
    const running = startSource(topic, { url, ca: tls.ca, cert: tls.clientCert, key: tls.clientKey, ...consuming });
    await running.until(() => running.lines.some(({ message }) => message === "consuming"));
    const distrustful = startSource(topic, { url, ...consuming });
    await distrustful.until(() => distrustful.troubles.some((reason) => /certificate/.test(reason)));

    const web = { url: started.webUrl, ca: tls.ca };
    const mine = { cert: await readFile(tls.clientCert, "utf8"), key: await readFile(tls.clientKey, "utf8") };
    const publishing = startSink(await connectors.topicWith(["a", "b"]), { ...web, ...mine, subject: "own.x" });
    await vi.waitFor(() => expect(publishing.counters.records).toBe(2), WAIT);
    expect(await values(topic, 2)).toEqual(["a", "b"]);
    for (const given of [{ url: started.webUrl, ...mine }, web]) {
      const refused = startSource(topic, { ...given, ...consuming });
      await refused.until(() => refused.troubles.length > 0);
      expect(refused.troubles[0]).toMatch(/certificate/);
    }
  });
});

test("a server is reached by WebSocket, and waited for when it is away", async () => {
  const started = await serve("web", { authorization: "user: ann, password: secret" });
  const url = started.webUrl.replace("//", "//ann:secret@");
  const [into, outOf] = [await newTopic(), await connectors.topicWith(numbers(0, 500))];
  const own = { stream: "web", create: "true" };
  const reading = startSource(into, { url, ...own, subject: "web.>" });
  const writing = startSink(outOf, { url, ...own, "stream-subjects": "web.>", subject: "web.x" });
  expect(await values(into, 500)).toEqual(numbers(0, 500));
  await started.service.kill();
  for (const one of [reading, writing]) await one.until(() => (one.troubles.at(-1) ?? "") !== "");
  await connectors.produce(outOf, numbers(500, 600));
  await started.service.start();
  await vi.waitFor(async () => expect((await stored(into)).length).toBeGreaterThanOrEqual(600), WAIT);
  expect(await stored(into)).toEqual(numbers(0, 600));
  const nobody = startSource(into, { url: started.webUrl, stream: "web" });
  await nobody.until(() => nobody.troubles.some((reason) => /Authorization Violation/.test(reason)));
  await started.service.kill();
  for (const one of [reading, writing]) {
    await one.stop();
    expect(one.lines.map(({ message }) => message)).not.toContain("stopping interrupted the connector");
  }
});
