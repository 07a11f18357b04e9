import { createHmac } from "node:crypto";
import type { ParameterValue } from "fluvio/connector";
import { describe, expect, test } from "vitest";
import { optionsOf } from "../testing/run-source.ts";
import { type SignatureOptions, verifier } from "./signature.ts";
import { connector } from "./source.ts";

const options = (signature: Readonly<Record<string, ParameterValue>>): SignatureOptions =>
  (optionsOf(connector, { port: "0", signature: { secret: "s3", ...signature } }) as { signature: SignatureOptions })
    .signature;
const body = Buffer.from('{"a":1}');
const NOW_S = 1_700_000_000;
const hmac = (text: string, encoding: "hex" | "base64" = "hex", algorithm = "sha256", key: string | Buffer = "s3") =>
  createHmac(algorithm, key).update(text).digest(encoding);

const CASES: readonly [object, Readonly<Record<string, ParameterValue>>, Record<string, string>][] = [
  [{ scheme: "github" }, { scheme: "github" }, { "x-hub-signature-256": `sha256=${hmac('{"a":1}')}` }],
  [
    { scheme: "stripe" },
    { scheme: "stripe" },
    { "stripe-signature": `t=${NOW_S},v1=${"0".repeat(64)},v1=${hmac(`${NOW_S}.{"a":1}`)},v0=x` },
  ],
  [
    { scheme: "slack" },
    { scheme: "slack" },
    { "x-slack-request-timestamp": `${NOW_S}`, "x-slack-signature": `v0=${hmac(`v0:${NOW_S}:{"a":1}`)}` },
  ],
  [
    { scheme: "standard" },
    { scheme: "standard", secret: `whsec_${btoa("key")}` },
    {
      "webhook-id": "msg_1",
      "webhook-timestamp": `${NOW_S}`,
      "webhook-signature": `v1,AAAA v1,${hmac(`msg_1.${NOW_S}.{"a":1}`, "base64", "sha256", Buffer.from("key"))}`,
    },
  ],
  [{ header: "own" }, { header: "X-Own" }, { "x-own": hmac('{"a":1}') }],
  [
    { algorithm: "sha1", encoding: "base64" },
    { algorithm: "sha1", encoding: "base64", prefix: "v=" },
    { "x-signature": `v=${hmac('{"a":1}', "base64", "sha1")}` },
  ],
];

describe.each(CASES)("signatures of %j", (_, given, headers) => {
  const verify = verifier(options(given));

  test("are right, and no others are", () => {
    expect(verify(headers, body, NOW_S * 1000)).toBeUndefined();
    expect(verify(headers, Buffer.from('{"a":2}'), NOW_S * 1000)).toBe("the signature is wrong");
    expect(verify({}, body, NOW_S * 1000)).toBe("it has no signature");
    const signedBy = Object.keys(headers).find((name) => name.includes("signature") || name === "x-own") ?? "";
    const right = headers[signedBy] ?? "";
    const changed = (change: (signature: string) => string) => right.replaceAll(/[\da-zA-Z+/]{20,}=*/g, change);
    const flipped = changed((one) => `${one.startsWith("0") ? "1" : "0"}${one.slice(1)}`);
    for (const bad of ["", "x", flipped, changed((one) => one.slice(4)), changed((one) => `${one}${one}`)]) {
      expect(verify({ ...headers, [signedBy]: bad }, body, NOW_S * 1000), bad).toBeTypeOf("string");
    }
  });

  test("with a time are of use for a while only", () => {
    const hasTime = ["stripe", "slack", "standard"].includes(String(given.scheme));
    for (const farMs of [-301_000, 301_000]) {
      const problem = verify(headers, body, NOW_S * 1000 + farMs);
      expect(problem).toBe(hasTime ? "the time of the signature is too far away" : undefined);
    }
    expect(verify(headers, body, NOW_S * 1000 + 299_000)).toBeUndefined();
  });
});

test("a time that is no number is no time", () => {
  const verify = verifier(options({ scheme: "stripe" }));
  expect(verify({ "stripe-signature": `t=x,v1=${hmac('x.{"a":1}')}` }, body, 0)).toBe(
    "the time of the signature is too far away",
  );
});

test("a secret of the standard scheme is base64", () => {
  expect(() => options({ scheme: "standard", secret: "whsec_" })).toThrow("is not base64");
});
