import { field, recordsRefused, type SinkContext, type SinkRecord, tryLater } from "fluvio/connector";
import { type HttpPoster, httpPoster, type PosterReply } from "../shared/poster.ts";
import { reasonOf, shownUrl } from "../shared/reason.ts";
import { retryAfterMs } from "../shared/retry-after.ts";
import { tellSlow } from "../shared/slow.ts";
import { type Template, template } from "../shared/template.ts";
import { waitUntil } from "../shared/wait-until.ts";

/** Options that all chat sinks have. */
export const chatFields = {
  // Whoever knows its path may write to the chat.
  "webhook-url": field.url(["https", "http"], {
    doc: "URL of the webhook",
    secret: "WEBHOOK_URL",
    isSecret: true,
    aliases: ["url"],
  }),
  template: template({
    doc: "text of a message, with parts of the record: `{{key}}: {{value.text}}`",
    default: "{{value}}",
  }),
  "too-long": field.oneOf(["cut", "refuse"], {
    doc: "what becomes of a message that is too long: `cut` with a note at its end, or `refuse`: `on-error` decides",
    default: "cut",
  }),
  timeout: field.duration({ doc: "longest time for one request, answer included", default: "30s", minMs: 1 }),
  "connect-timeout": field.duration({ doc: "longest wait for a connection", default: "15s", minMs: 1 }),
};

export interface ChatConfig {
  readonly "webhook-url": URL;
  readonly template: Template;
  readonly "too-long": "cut" | "refuse";
  readonly timeout: number;
  readonly "connect-timeout": number;
}

/** How a service is spoken to. */
export interface ChatService {
  /** Of a message, characters (UTF-16). */
  readonly lengthMax: number;
  /** Least time from one message to the next, milliseconds. */
  readonly intervalMs: number;
  /** Where messages go, if not to the webhook's own URL. */
  readonly url?: URL;
  /** The request's body. */
  body(text: string, record: SinkRecord): object;
  /** What the answer says about the next message: how long to wait, milliseconds. */
  pauseMs?(reply: PosterReply): number;
}

/** Sends each record as a message, no faster than the service allows. */
export async function chat<C extends ChatConfig>(context: SinkContext<C>, service: ChatService): Promise<void> {
  const { config, deliver, trouble } = context;
  const poster = await httpPoster({
    ...config,
    method: "POST",
    headers: [],
    auth: undefined,
    "user-agent": "fluvio/chat-sink 0.1.0",
    compression: "none",
  });
  const messenger = new Messenger(poster, config, service, trouble);
  try {
    await deliver(async ({ records }, signal) => {
      for (const record of records) await messenger.send(record, signal);
    });
  } finally {
    await poster.close();
  }
}

/** Says something about the webhook, or who may use it, rather than of the message. */
const WEBHOOK_STATUSES = [401, 403, 404, 407, 410];
const PASSING_STATUSES = [408, 425, 429];

class Messenger {
  readonly #poster: HttpPoster;
  readonly #config: ChatConfig;
  readonly #service: ChatService;
  readonly #trouble: (reason: string) => void;
  /** When the next message may be sent. */
  #freeAtMs = 0;

  constructor(poster: HttpPoster, config: ChatConfig, service: ChatService, trouble: (reason: string) => void) {
    this.#trouble = trouble;
    this.#poster = poster;
    this.#config = config;
    this.#service = service;
  }

  async send(record: SinkRecord, signal: AbortSignal): Promise<void> {
    const service = this.#service;
    const text = this.#textOf(record);
    const body = Buffer.from(JSON.stringify(service.body(text, record)));
    await waitUntil(this.#freeAtMs, signal);
    const url = this.#config["webhook-url"];
    let reply: PosterReply;
    try {
      const answer = this.#poster.post(service.url ?? url, "application/json", body, signal);
      reply = await tellSlow(this.#trouble, shownUrl(url), answer);
    } catch (error) {
      throw tryLater(`${shownUrl(url)} gave no answer: ${reasonOf(error)}`);
    } finally {
      this.#freeAtMs = performance.now() + service.intervalMs;
    }
    const pauseMs = Math.max(service.pauseMs?.(reply) ?? 0, retryAfterMs(reply.header("retry-after"), Date.now()));
    this.#freeAtMs = Math.max(this.#freeAtMs, performance.now() + pauseMs);
    judge(reply, shownUrl(url), pauseMs);
  }

  #textOf(record: SinkRecord): string {
    const { template, "too-long": tooLong } = this.#config;
    const { lengthMax } = this.#service;
    const filled = template.fill(record);
    if ("missing" in filled) throw recordsRefused(`the record has ${filled.missing}, which the template asks for`);
    const { text } = filled;
    if (text.trim() === "") throw recordsRefused("the message is empty");
    if (text.length <= lengthMax) return text;
    if (tooLong === "cut") return cut(text, lengthMax);
    throw recordsRefused(`the message has ${text.length} characters; ${lengthMax} are allowed`);
  }
}

/** @throws what a status other than one of success means */
function judge({ statusCode, excerpt }: PosterReply, shown: string, pauseMs: number): void {
  if (statusCode >= 200 && statusCode < 300) return;
  const sentence = `${shown} answered ${statusCode}${excerpt === "" ? "" : `: ${excerpt}`}`;
  const isPassing = statusCode >= 500 || statusCode < 400 || PASSING_STATUSES.includes(statusCode);
  if (!isPassing && !WEBHOOK_STATUSES.includes(statusCode)) throw recordsRefused(sentence);
  throw tryLater(sentence, pauseMs > 0 ? { afterMs: pauseMs } : {});
}

/** The beginning of a text that is too long, with a note how much is left out. */
export function cut(text: string, lengthMax: number): string {
  const note = (left: number) => `… (${left} characters left out)`;
  let length = Math.max(lengthMax - note(text.length).length, 0);
  // Half of a pair is no character.
  if (/[\ud800-\udbff]/.test(text[length - 1] ?? "")) length--;
  return `${text.slice(0, length)}${note(text.length - length)}`.slice(0, lengthMax);
}
