import { field, tryLater } from "fluvio/connector";
import type { z } from "zod";
import { type HttpClient, readBody } from "./http-client.ts";
import { reasonOf } from "./reason.ts";
import { shownEndpoint } from "./shown.ts";

const named = field.map(
  {
    username: field.optionalText({ doc: "user name (basic)" }),
    password: field.optionalText({ doc: "password (basic)", isSecret: true }),
    token: field.optionalText({ doc: "bearer token", isSecret: true }),
    "api-key": field.optionalText({ doc: "key that is sent in a header of its own", isSecret: true }),
    "api-key-header": field.text({ doc: "name of that header", default: "X-API-Key" }),
    "token-url": field.optionalParsed("an http or https URL", httpUrl, {
      doc: "where tokens are had for `client-id` and `client-secret` (OAuth 2 client credentials)",
      kind: "URL",
    }),
    "client-id": field.optionalText({ doc: "name of this client (OAuth 2)" }),
    "client-secret": field.optionalText({ doc: "password of this client (OAuth 2)", isSecret: true }),
    scope: field.optionalText({ doc: "what the token is asked for (OAuth 2)" }),
  },
  {
    doc: "who asks: one of `username` and `password`, `token`, `api-key`, or `token-url` with `client-id` and `client-secret`",
  },
);

/** The `auth` option of connectors that speak HTTP. */
export const authField = named.superRefine((auth, context) => {
  if (auth === undefined) return;
  const ways = [auth.username, auth.token, auth["api-key"], auth["token-url"]].filter((one) => one !== undefined);
  const complain = (message: string) => context.addIssue({ code: "custom", message });
  if (ways.length !== 1) complain("has not exactly one of `username`, `token`, `api-key`, `token-url`");
  const hasClient = auth["client-id"] !== undefined && auth["client-secret"] !== undefined;
  if (auth["token-url"] !== undefined && !hasClient)
    complain("has `token-url` without `client-id` and `client-secret`");
}) as typeof named;

export type AuthOptions = z.output<typeof authField>;

type Header = readonly [name: string, value: string];

/** Headers that say who asks. */
export interface Authorizer {
  /** @throws `tryLater` when no token can be had */
  headers(signal: AbortSignal): Promise<readonly Header[]>;
  /** After a 401: forgets the token. @returns whether the next one may be another */
  renew(): boolean;
}

const fixed = (headers: readonly Header[]): Authorizer => ({ headers: async () => headers, renew: () => false });
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** @param client asks for tokens */
export function authorizer(auth: AuthOptions, client: HttpClient): Authorizer {
  if (auth === undefined) return fixed([]);
  if (auth["token-url"] !== undefined) return tokenAuthorizer(auth, auth["token-url"], client);
  if (auth.token !== undefined) return fixed([["authorization", `Bearer ${auth.token}`]]);
  if (auth["api-key"] !== undefined) return fixed([[auth["api-key-header"].toLowerCase(), auth["api-key"]]]);
  return fixed([["authorization", `Basic ${base64(`${auth.username}:${auth.password ?? ""}`)}`]]);
}

/** Tokens are taken for outdated this long before they are. */
const EXPIRY_MARGIN_MS = 30_000;
/** Of a token whose life is not told. */
const TOKEN_LIFE_MS = 5 * 60_000;
const ANSWER_SIZE_BYTES_MAX = 64 * 1024;

interface Token {
  readonly value: string;
  readonly untilMs: number;
}

/** OAuth 2 client credentials (RFC 6749 §4.4), the client's name and password as basic authentication. */
function tokenAuthorizer(auth: NonNullable<AuthOptions>, tokenUrl: URL, client: HttpClient): Authorizer {
  const state: { token?: Token | undefined } = {};
  return {
    headers: async (signal) => {
      if (state.token === undefined || performance.now() > state.token.untilMs) {
        state.token = await askToken(auth, tokenUrl, client, signal);
      }
      return [["authorization", `Bearer ${state.token.value}`]];
    },
    renew: () => {
      state.token = undefined;
      return true;
    },
  };
}

async function askToken(
  auth: NonNullable<AuthOptions>,
  tokenUrl: URL,
  client: HttpClient,
  signal: AbortSignal,
): Promise<Token> {
  const form = new URLSearchParams({ grant_type: "client_credentials" });
  if (auth.scope !== undefined) form.set("scope", auth.scope);
  const names = [auth["client-id"] ?? "", auth["client-secret"] ?? ""].map(encodeURIComponent);
  const where = `no token from ${shownEndpoint(tokenUrl)}`;
  let text: string;
  try {
    const response = await client.request({
      url: tokenUrl,
      method: "POST",
      headers: [
        ["content-type", "application/x-www-form-urlencoded"],
        ["accept", "application/json"],
        ["authorization", `Basic ${base64(names.join(":"))}`],
      ],
      body: form.toString(),
      signal,
    });
    text = (await readBody(response.body, ANSWER_SIZE_BYTES_MAX)).toString();
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  } catch (error) {
    throw tryLater(`${where}: ${reasonOf(error)}`);
  }
  return readToken(text, where);
}

function readToken(text: string, where: string): Token {
  let answer: { readonly access_token?: unknown; readonly expires_in?: unknown } | null;
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    throw tryLater(`${where}: the answer is not JSON`);
  }
  const { access_token: value, expires_in: seconds } = answer ?? {};
  if (typeof value !== "string") throw tryLater(`${where}: the answer has no access_token`);
  const lifeMs = Number(seconds) > 0 ? Number(seconds) * 1000 : TOKEN_LIFE_MS;
  return { value, untilMs: performance.now() + Math.max(lifeMs - EXPIRY_MARGIN_MS, lifeMs / 2) };
}

function httpUrl(text: string): URL | undefined {
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}
