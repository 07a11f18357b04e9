import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { field } from "fluvio/connector";
import type { z } from "zod";

const ALGORITHMS = ["sha256", "sha1", "sha512"] as const;

const named = field.map(
  {
    scheme: field.oneOf(["body", "github", "stripe", "slack", "standard"], {
      doc: "what is signed: the `body`, as the options below say, or the way of GitHub, Stripe, Slack or standardwebhooks.com",
      default: "body",
    }),
    secret: field.text({ doc: "what is shared with the sender", isSecret: true }),
    header: field.text({ doc: "of `body`: header that has the signature", default: "X-Signature" }),
    algorithm: field.oneOf(ALGORITHMS, { doc: "of `body`: hash of the HMAC", default: "sha256" }),
    encoding: field.oneOf(["hex", "base64"], { doc: "of `body`: how the signature is written", default: "hex" }),
    prefix: field.text({ doc: "of `body`: what stands before the signature, such as `sha256=`", default: "" }),
    tolerance: field.duration({
      doc: "of schemes with a time: how old a request may be",
      default: "5m",
    }),
  },
  { doc: "requests must be signed by HMAC; others are answered with 401" },
);

/** The `signature` option. */
export const signatureField = named.superRefine((given, context) => {
  if (given?.scheme !== "standard" || standardKey(given.secret).length > 0) return;
  context.addIssue({ code: "custom", message: "has a `secret` that is not base64, which the scheme `standard` wants" });
}) as typeof named;

export type SignatureOptions = NonNullable<z.output<typeof signatureField>>;

/**
 * Checks who sent a request.
 * @returns why it is not from someone with the secret; `undefined` when it is
 */
export type Verify = (headers: IncomingHttpHeaders, body: Uint8Array, nowMs: number) => string | undefined;

/** What is signed, and the signatures that came with it: one of them must be right. */
interface Signed {
  readonly key: string | Uint8Array;
  readonly algorithm: (typeof ALGORITHMS)[number];
  readonly encoding: "hex" | "base64";
  /** Before the body. */
  readonly head: string;
  readonly signatures: readonly string[];
  /** When it was signed, seconds since the epoch. */
  readonly time?: string;
}

export function verifier(options: SignatureOptions): Verify {
  return (headers, body, nowMs) => {
    const signed = readSigned(options, headers);
    if (typeof signed === "string") return signed;
    if (signed.time !== undefined) {
      const ageMs = Math.abs(nowMs - Number(signed.time) * 1000);
      if (!(ageMs <= options.tolerance)) return "the time of the signature is too far away";
    }
    const right = createHmac(signed.algorithm, signed.key).update(signed.head).update(body).digest(signed.encoding);
    const isRight = signed.signatures.some((one) => isSame(signed.encoding === "hex" ? one.toLowerCase() : one, right));
    return isRight ? undefined : "the signature is wrong";
  };
}

/** Takes as long for any wrong signature of the right length. */
function isSame(given: string, right: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function readSigned(options: SignatureOptions, headers: IncomingHttpHeaders): Signed | string {
  const { scheme, secret } = options;
  const hex = { key: secret, algorithm: "sha256", encoding: "hex" } as const;
  switch (scheme) {
    case "github":
      return one(headers, "x-hub-signature-256", "sha256=", { ...hex, head: "" });
    case "body": {
      const { algorithm, encoding, header, prefix } = options;
      return one(headers, header.toLowerCase(), prefix, { key: secret, algorithm, encoding, head: "" });
    }
    case "slack": {
      const time = text(headers, "x-slack-request-timestamp");
      return one(headers, "x-slack-signature", "v0=", { ...hex, head: `v0:${time}:`, time });
    }
    case "stripe": {
      const parts = text(headers, "stripe-signature")
        .split(",")
        .map((part) => part.trim().split("=", 2));
      const time = parts.find(([name]) => name === "t")?.[1] ?? "";
      const signatures = parts.filter(([name]) => name === "v1").map(([, value]) => value ?? "");
      return signatures.length === 0 ? "it has no signature" : { ...hex, head: `${time}.`, time, signatures };
    }
    case "standard": {
      const time = text(headers, "webhook-timestamp");
      const given = text(headers, "webhook-signature").split(" ");
      const signatures = given.filter((value) => value.startsWith("v1,")).map((value) => value.slice(3));
      const head = `${text(headers, "webhook-id")}.${time}.`;
      const how = { key: standardKey(secret), algorithm: "sha256", encoding: "base64", head, time } as const;
      return signatures.length === 0 ? "it has no signature" : { ...how, signatures };
    }
  }
}

function one(
  headers: IncomingHttpHeaders,
  name: string,
  prefix: string,
  how: Omit<Signed, "signatures">,
): Signed | string {
  const value = text(headers, name);
  if (value === "") return "it has no signature";
  if (!value.startsWith(prefix)) return `its signature does not begin with ${prefix}`;
  return { ...how, signatures: [value.slice(prefix.length)] };
}

function text(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return (typeof value === "string" ? value : value?.[0]) ?? "";
}

/** Keys of that scheme are bytes in base64 behind `whsec_`. */
function standardKey(secret: string): Buffer {
  return Buffer.from(secret.replace(/^whsec_/, ""), "base64");
}
