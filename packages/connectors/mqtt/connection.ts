import { field } from "fluvio/connector";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { reasonOf } from "../shared/reason.ts";
import { loadTls, type TlsOptions, tlsFields } from "../shared/tls.ts";

/** What a source and a sink need to reach a broker. */
export const connectionFields = {
  url: field.url(["mqtt", "mqtts", "tcp", "ssl", "tls", "ws", "wss"], {
    doc: "broker, `mqtt://host:1883`, `mqtts://host:8883` or a bare host; may hold user and password",
    aliases: ["mqtt-url"],
    secret: "MQTT_URL",
    isSecret: false,
    bareScheme: "mqtt",
  }),
  username: field.optionalText({ doc: "user name, where the URL has none" }),
  password: field.optionalText({ doc: "password, where the URL has none", isSecret: true }),
  "protocol-version": field.oneOf(["5", "3.1.1"], { doc: "version of MQTT", default: "5" }),
  timeout: field.duration({
    doc: "longest wait for the connection and for each answer of the broker",
    default: "60s",
    minMs: 1,
  }),
  keepalive: field.duration({
    doc: "how often the broker is asked for a sign of life; after one and a half of it the connection counts as lost",
    default: "3s",
    minMs: 1000,
  }),
  ...tlsFields,
};

export interface BrokerOptions extends TlsOptions {
  readonly url: URL;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly "protocol-version": "5" | "3.1.1";
  readonly timeout: number;
  readonly keepalive: number;
}

export interface BrokerConnection {
  readonly client: MqttClient;
  /** Whether the broker knew the session. */
  readonly hasSession: boolean;
  /** So many messages of QoS 1 and 2 the broker takes without having acknowledged them; it cuts who sends more. */
  readonly receiveMaximum: number;
  /** Largest packet that the broker takes, bytes. */
  readonly packetSizeBytesMax: number;
  /** Resolves with the reason when the connection is lost. */
  readonly lost: Promise<Error>;
  /** What the driver was asked for; rejects when the connection is lost or `timeout` is over, as the driver itself does not. */
  answered<T>(work: Promise<T>): Promise<T>;
  /** Says goodbye; what is in hand is not waited for. */
  close(): Promise<void>;
}

/** MQTT 5 says its own; before, brokers had limits that they did not tell: 20 is what a common one takes by default. */
const RECEIVE_MAXIMUM_DEFAULT = { "5": 65_535, "3.1.1": 20 } as const;
const TLS_SCHEMES = ["mqtts:", "ssl:", "tls:", "wss:"];
/** A broker that does not take the goodbye is left without. */
const GOODBYE_TIMEOUT_MS = 1000;

/**
 * Connects once; nothing connects again by itself.
 * @param session client id and what belongs to the session, in the driver's own words
 * @param prepare called before the first packet is sent or read: messages of a session come right behind the answer
 * @throws why the broker cannot be reached, or what it says against us
 */
export async function connectBroker(
  broker: BrokerOptions,
  session: IClientOptions,
  prepare: (client: MqttClient) => void = () => {},
): Promise<BrokerConnection> {
  const { url } = broker;
  const isSecure = TLS_SCHEMES.includes(url.protocol);
  const isWebSocket = url.protocol.startsWith("ws");
  const client = mqtt.connect({
    protocol: isWebSocket ? (isSecure ? "wss" : "ws") : isSecure ? "mqtts" : "mqtt",
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(isWebSocket ? { path: url.pathname } : {}),
    ...credentials(broker),
    ...(isSecure ? await loadTls(broker) : {}),
    protocolVersion: broker["protocol-version"] === "5" ? 5 : 4,
    keepalive: Math.ceil(broker.keepalive / 1000),
    connectTimeout: broker.timeout,
    reconnectPeriod: 0,
    resubscribe: false,
    ...session,
  });
  prepare(client);
  const lost = whenLost(client);
  const accepted = new Promise<Omit<BrokerConnection, "client" | "lost" | "close" | "answered">>((resolve) => {
    client.once("connect", ({ sessionPresent, properties }) =>
      resolve({
        hasSession: sessionPresent,
        receiveMaximum: properties?.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT[broker["protocol-version"]],
        packetSizeBytesMax: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
      }),
    );
  });
  const first = await Promise.race([accepted, lost]);
  if (first instanceof Error) {
    client.end(true);
    throw first;
  }
  return { client, ...first, lost, answered: answers(lost, broker.timeout), close: () => goodbye(client) };
}

/** All that wait are told of a lost connection by one listener: there may be millions over its life. */
function answers(lost: Promise<Error>, timeoutMs: number): BrokerConnection["answered"] {
  const waiting = new Set<(error: Error) => void>();
  let problem: Error | undefined;
  void lost.then((error) => {
    problem = error;
    for (const reject of waiting) reject(error);
  });
  return async (work) => {
    let giveUp = (_: Error): void => {};
    const failed = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const timer = setTimeout(() => giveUp(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    waiting.add(giveUp);
    if (problem !== undefined) giveUp(problem);
    try {
      return await Promise.race([work, failed]);
    } finally {
      clearTimeout(timer);
      waiting.delete(giveUp);
    }
  };
}

/** The error that ended it, what the broker said when it closed it, or that it was closed. */
function whenLost(client: MqttClient): Promise<Error> {
  let problem: Error | undefined;
  client.on("error", (error) => {
    if (!(error instanceof HeldBack)) problem ??= new Error(reasonOf(error), { cause: error });
  });
  client.on("disconnect", ({ reasonCode, properties }) => {
    const said = properties?.reasonString ?? DISCONNECT_REASONS[reasonCode ?? 0] ?? `reason code ${reasonCode}`;
    problem ??= new Error(`the broker ended the connection: ${said}`);
  });
  return new Promise((resolve) => {
    client.once("close", () => resolve(problem ?? new Error("the connection was closed")));
  });
}

/** Those that an operator can do something about. */
const DISCONNECT_REASONS: Readonly<Record<number, string>> = {
  135: "not authorized",
  137: "it is busy",
  139: "it is shutting down",
  141: "keep alive timeout",
  142: "another client has connected with the same client id",
  147: "too many messages in flight",
  149: "a packet was too large",
  151: "a quota is exceeded",
  152: "an administrator's action",
};

/** Tells the driver that a message is not acknowledged now: see {@link AckOrder}. */
export class HeldBack extends Error {}

function credentials({ url, username, password }: BrokerOptions): IClientOptions {
  const user = url.username === "" ? username : decodeURIComponent(url.username);
  const secret = url.password === "" ? password : decodeURIComponent(url.password);
  return { ...(user === undefined ? {} : { username: user }), ...(secret === undefined ? {} : { password: secret }) };
}

async function goodbye(client: MqttClient): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    if (client.stream.destroyed) resolve();
    client.once("close", resolve);
  });
  const timer = setTimeout(() => client.end(true), GOODBYE_TIMEOUT_MS);
  client.end();
  await closed;
  clearTimeout(timer);
}
