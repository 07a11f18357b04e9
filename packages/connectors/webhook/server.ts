import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { SourceContext } from "fluvio/connector";
import { loadTls } from "../shared/tls.ts";
import { Acks, NotAcknowledged } from "./acks.ts";
import { RateLimit } from "./limits.ts";
import type { WebhookConfig } from "./options.ts";
import { type Received, receivedValue } from "./output.ts";
import { type Verify, verifier } from "./signature.ts";

/** Largest record that is sent; what makes a larger one is answered with 413. */
const RECORD_SIZE_BYTES_MAX = 15 * 1024 * 1024;
/** What a sender is asked to wait when the cluster or this connector cannot take more. */
const RETRY_AFTER_S = 1;

/** What a request goes through. */
interface Receiving {
  readonly context: SourceContext<WebhookConfig>;
  readonly acks: Acks;
  readonly rate: RateLimit | undefined;
  readonly verify: Verify | undefined;
  /** Bytes of requests that are not answered, or whose records wait for room in the producer's queue. */
  pendingSizeBytes: number;
  readonly reservations: WeakMap<FastifyRequest, Reservation>;
}

/** What a request takes of the memory there is for all; given back when nobody holds it any more. */
interface Reservation {
  readonly sizeBytes: number;
  holders: number;
}

/** A server that is ready to listen. @throws when a file of `tls` cannot be read */
export async function webhookServer(context: SourceContext<WebhookConfig>): Promise<FastifyInstance> {
  const { config, flush, trouble } = context;
  const receiving: Receiving = {
    context,
    acks: new Acks(flush, config["answer-timeout"], () => trouble("")),
    rate: config["rate-limit"] === undefined ? undefined : new RateLimit(config["rate-limit"], performance.now()),
    verify: config.signature === undefined ? undefined : verifier(config.signature),
    pendingSizeBytes: 0,
    reservations: new WeakMap(),
  };
  const https = config.tls === undefined ? null : await loadTls({ ...config.tls, ca: undefined });
  const server = fastify({
    https,
    bodyLimit: config["max-body-size"],
    requestTimeout: config.timeout,
    forceCloseConnections: "idle",
    exposeHeadRoutes: false,
  }) as unknown as FastifyInstance;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.addHook("onRequest", async (request, reply) => admit(receiving, request, reply));
  server.addHook("onSend", async (_request, reply) => {
    // Once it closes, a connection that is kept for the next request would be waited for.
    if (!server.server.listening) reply.header("connection", "close");
  });
  server.route({
    method: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    url: "*",
    handler: (request, reply) => receive(receiving, request, reply),
  });
  server.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
    const { statusCode = 500 } = error;
    if (statusCode < 500) return refuse(reply, statusCode, error.message);
    context.logger.error({ error: String(error) }, "a request could not be worked off");
    return refuse(reply, 503, "the record could not be stored", RETRY_AFTER_S);
  });
  return server;
}

function refuse(reply: FastifyReply, status: number, error: string, retryAfterS?: number): FastifyReply {
  if (retryAfterS !== undefined) reply.header("retry-after", String(retryAfterS));
  return reply.status(status).send({ error });
}

/** Turns away what is not for us, or too much, before its body is read. */
function admit(receiving: Receiving, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
  const { config } = receiving.context;
  if (pathBelow(request, config) === undefined) return refuse(reply, 404, "there is nothing here");
  if (!config.methods.some((method) => method.toUpperCase() === request.method)) {
    return refuse(reply.header("allow", config.methods.join(", ")), 405, `${request.method} is not taken here`);
  }
  const waitMs = receiving.rate?.take(performance.now()) ?? 0;
  if (waitMs > 0) return refuse(reply, 429, "too many requests", Math.ceil(waitMs / 1000));
  const given = Number(request.headers["content-length"]);
  const sizeBytes = Number.isNaN(given) ? config["max-body-size"] : Math.min(given, config["max-body-size"]);
  const isFirst = receiving.pendingSizeBytes === 0;
  if (!isFirst && receiving.pendingSizeBytes + sizeBytes > config["max-pending-size"]) {
    return refuse(reply, 503, "too many requests at once", RETRY_AFTER_S);
  }
  receiving.pendingSizeBytes += sizeBytes;
  receiving.reservations.set(request, { sizeBytes, holders: 1 });
  // Comes in any case, also when the sender is gone.
  reply.raw.once("close", () => release(receiving, request));
  return undefined;
}

function release(receiving: Receiving, request: FastifyRequest): void {
  const reservation = receiving.reservations.get(request);
  if (reservation !== undefined && --reservation.holders === 0) receiving.pendingSizeBytes -= reservation.sizeBytes;
}

/** Hands a record over. Where the queue is full that takes longer than the answer: it is held until then. */
async function send(receiving: Receiving, request: FastifyRequest, value: Uint8Array | string): Promise<void> {
  const reservation = receiving.reservations.get(request);
  if (reservation !== undefined) reservation.holders++;
  try {
    await receiving.context.send({ value });
  } finally {
    release(receiving, request);
  }
}

/** The path behind the connector's own; `undefined` for one elsewhere. */
function pathBelow(request: FastifyRequest, { path }: WebhookConfig): string | undefined {
  const [given = ""] = request.url.split("?", 1);
  if (given !== path && !given.startsWith(`${path}/`)) return undefined;
  const below = given.slice(path.length);
  return below === "/" ? "" : below;
}

async function receive(receiving: Receiving, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { context, acks, verify } = receiving;
  const { config, logger, trouble } = context;
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  const wrong = verify?.(request.headers, body, Date.now());
  if (wrong !== undefined) {
    logger.warn({ problem: wrong, from: request.ip }, "request refused");
    return refuse(reply, 401, wrong);
  }
  const value = receivedValue(received(request, config, body), config);
  if (value.length > RECORD_SIZE_BYTES_MAX) return refuse(reply, 413, "the request makes a record that is too large");
  try {
    if (config.answer === "queued") {
      await send(receiving, request, value);
      return reply.status(202).send();
    }
    await acks.of(() => send(receiving, request, value));
    trouble("");
    return reply.status(200).send();
  } catch (error) {
    if (!(error instanceof NotAcknowledged)) throw error;
    trouble(error.message);
    logger.warn({ problem: error.message }, "a request was not stored in time");
    return refuse(reply, 503, error.message, RETRY_AFTER_S);
  }
}

function received(request: FastifyRequest, config: WebhookConfig, body: Uint8Array): Received {
  const question = request.url.indexOf("?");
  return {
    path: pathBelow(request, config) ?? "",
    query: question < 0 ? "" : request.url.slice(question + 1),
    headers: request.headers,
    body,
  };
}
