import { type FluvioError, flvError, type Logger } from "../../protocol/index.ts";
import {
  errorOfReply,
  failedReply,
  type LinkReply,
  type ScRequest,
  type ScToSpu,
  type SpuEnd,
  type SpuRequest,
} from "../link.ts";
import { messageOf } from "../message-of.ts";

interface Pending {
  resolve(value: unknown): void;
  reject(error: FluvioError): void;
  readonly timer: NodeJS.Timeout;
}

/** What an SPU does with the SC's messages. */
export interface ScMessageHandler {
  onMessage(message: Exclude<ScToSpu, { type: "request" | "reply" }>): void;
  /** Answers a request that another SPU made through the SC. */
  onRequest(request: SpuRequest): Promise<unknown>;
  /** The SC is gone. */
  onClose(): void;
}

/** The SPU's side of its link: requests with a deadline, answers, everything else handed on. */
export class ScClient {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private closed = false;
  private readonly link: SpuEnd;
  private readonly timeoutMs: number;
  private readonly logger: Logger;

  constructor(link: SpuEnd, timeoutMs: number, logger: Logger) {
    this.link = link;
    this.timeoutMs = timeoutMs;
    this.logger = logger;
  }

  /** Starts to take messages. */
  listen(handler: ScMessageHandler): void {
    this.link.onClose(() => {
      this.failPending("the SC is gone");
      handler.onClose();
    });
    this.link.onMessage((message) => {
      if (message.type === "reply") this.settle(message.id, message.reply);
      else if (message.type === "request") void this.answer(message.id, message.request, handler);
      else handler.onMessage(message);
    });
  }

  /** @throws FLV_TIMEOUT | FLV_CONNECTION_CLOSED | FLV_SERVER with the SC's words */
  request(request: ScRequest): Promise<unknown> {
    if (this.closed) {
      return Promise.reject(flvError("FLV_CONNECTION_CLOSED", `the SC is gone: ${request.kind} not asked`));
    }
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(flvError("FLV_TIMEOUT", `the SC did not answer ${request.kind} within ${this.timeoutMs} ms`));
      }, this.timeoutMs);
      this.pending.set(id, { resolve, reject, timer });
      this.link.send({ type: "request", id, request });
    });
  }

  close(): void {
    this.failPending("the SPU is closing");
    this.link.close();
  }

  private failPending(why: string): void {
    this.closed = true;
    for (const [id, { reject, timer }] of this.pending) {
      clearTimeout(timer);
      this.pending.delete(id);
      reject(flvError("FLV_CONNECTION_CLOSED", why));
    }
  }

  private settle(id: number, reply: LinkReply): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    this.pending.delete(id);
    clearTimeout(pending.timer);
    if (reply.ok) pending.resolve(reply.value);
    else pending.reject(errorOfReply(reply));
  }

  private async answer(id: number, request: SpuRequest, handler: ScMessageHandler): Promise<void> {
    let reply: LinkReply;
    try {
      reply = { ok: true, value: await handler.onRequest(request) };
    } catch (error) {
      reply = failedReply(error);
      this.logger.debug({ request: request.kind, error: messageOf(error) }, "a forwarded request failed");
    }
    this.link.send({ type: "reply", id, reply });
  }
}
