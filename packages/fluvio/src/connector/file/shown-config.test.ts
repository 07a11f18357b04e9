import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineSource } from "../define.ts";
import { checkOptions } from "../options/check.ts";
import * as field from "../options/fields.ts";
import { hideIn, hider } from "../run/hide.ts";
import { lineLogger } from "../run/line-logger.ts";
import { type ConnectorConfig, type ParameterValue, REDACTED } from "./config.ts";
import { hiddenTexts, shownConfig } from "./shown-config.ts";

const connector = defineSource({
  name: "safe",
  version: "0.1.0",
  summary: "has secret options",
  config: z.object({
    url: field.url(["db"], { doc: "where", aliases: ["endpoint-url"], isSecret: true }),
    user: field.text({ doc: "who", default: "me" }),
    headers: field.pairs({ doc: "more", isSecret: true }),
    labels: field.pairs({ doc: "plain ones" }),
    login: field.map(
      { name: field.text({ doc: "who" }), pass_word: field.text({ doc: "how", isSecret: true }) },
      { doc: "login" },
    ),
  }),
  run: async () => {},
});

const config = (parameters: Readonly<Record<string, ParameterValue>>): ConnectorConfig => ({
  ...{ name: "c", type: "safe", topic: "t", version: "latest", parameters },
  ...{ secrets: { A: "inline" }, transforms: [] },
});

describe("a configuration that is shown", () => {
  const whole = config({
    endpoint_url: "db://u:hunter2@host",
    user: "me",
    headers: ["Authorization: Bearer swordfish", "X-Key: ${{ secrets.A }}"],
    labels: ["colour: red", "X-Api-Key: abcdef", "X-Token: ${{ secrets.A }}"],
    login: { name: "me", "pass-word": "sesame" },
    filter: "not-a-secret",
    proxy: "http://me:open-sesame@proxy:3128/",
    feed: "https://me:p@ss-word@h/facts?api_key=sesame-street&page=2&sig=abc",
    urls: ["nats://a:first@h1,nats://b:second@h2", "https://h/?access_token=${{ secrets.A }}&token={{key}}"],
  });

  test("has no values of secret options, but the names of secrets", () => {
    const shown = shownConfig(whole, connector);
    expect(shown.parameters).toEqual({
      endpoint_url: REDACTED,
      user: "me",
      headers: [`Authorization: ${REDACTED}`, "X-Key: ${{ secrets.A }}"],
      labels: ["colour: red", `X-Api-Key: ${REDACTED}`, "X-Token: ${{ secrets.A }}"],
      login: { name: "me", "pass-word": REDACTED },
      filter: "not-a-secret",
      proxy: `http://me:${REDACTED}@proxy:3128/`,
      feed: `https://me:${REDACTED}@h/facts?api_key=${REDACTED}&page=2&sig=${REDACTED}`,
      urls: [
        `nats://a:${REDACTED}@h1,nats://b:${REDACTED}@h2`,
        "https://h/?access_token=${{ secrets.A }}&token={{key}}",
      ],
    });
    expect(shown.secrets).toEqual({ A: REDACTED });
    expect(hiddenTexts(whole, shown)).toEqual(
      expect.arrayContaining(["db://u:hunter2@host", "Bearer swordfish", "sesame", "open-sesame", "abcdef"]),
    );
    expect(hiddenTexts(whole, shown)).toEqual(
      expect.arrayContaining(["p@ss-word", "sesame-street", "first", "second"]),
    );
    expect(hiddenTexts(whole, shown)).not.toContain("me");
    // it would be hidden in every word that has it
    expect(hiddenTexts(whole, shown)).not.toContain("abc");
  });

  test("can be checked: what is hidden is taken for right, the rest is not", () => {
    const { proxy: _proxy, feed: _feed, urls: _urls, ...parameters } = shownConfig(whole, connector).parameters;
    const shown = { ...whole, parameters };
    expect(() => checkOptions(connector, shown, "f")).not.toThrow();
    const wrong = { ...shown, parameters: { ...shown.parameters, login: { name: "me", nonsense: "x" } } };
    expect(() => checkOptions(connector, wrong, "f")).toThrow("unknown key `nonsense`");
  });
});

describe("a URL that is shown has its address, and nothing secret", () => {
  const urls = defineSource({
    ...{ name: "urls", version: "0.1.0", summary: "has URLs" },
    config: z.object({
      url: field.url(["redis"], { doc: "where", secret: "URL", isSecret: false, bareScheme: "redis" }),
      other: field.text({ doc: "text", default: "" }),
    }),
    run: async () => {},
  });
  const parameters = (url: string) => shownConfig(config({ url, other: "" }), urls).parameters;

  test.each([
    ["redis://127.0.0.1:6379", "redis://127.0.0.1:6379"],
    ["localhost", "localhost"],
    ["h1:4222,h2:4222", "h1:4222,h2:4222"],
    ['redis://u:a"b<c>d\\e@h:1/0', `redis://u:${REDACTED}@h:1/0`],
    ["u:p@h", `u:${REDACTED}@h`],
    ["t0ken@h:4222", `${REDACTED}@h:4222`],
    ["nats://t0ken@h1,nats://u:p,w@h2:4222", `nats://${REDACTED}@h1,nats://u:${REDACTED}@h2:4222`],
    ["https://sk_live:@api/v1?a=@b", `https://${REDACTED}:@api/v1?a=@b`],
    ["postgres://me@h/db", "postgres://me@h/db"],
    ["redis://:pa/ss?#w@h", `redis://:${REDACTED}@h`],
    ["redis://:12/ss@h", `redis://:${REDACTED}@h`],
    ["http://h:8080/@scope/a?to=me@h", "http://h:8080/@scope/a?to=me@h"],
    ['postgres://me@h/db?password=a"b&x=1', `postgres://me@h/db?password=${REDACTED}&x=1`],
    ["redis://:${{ secrets.P }}@${{ secrets.H }}:${{ secrets.N }}/0", undefined],
    ["nats://${{ secrets.T }}@h", undefined],
    ["redis://${{ secrets.U }}:p@h", `redis://\${{ secrets.U }}:${REDACTED}@h`],
  ])("%s", (url, expected = url) => {
    expect(parameters(url)).toEqual({ url: expected, other: "" });
    // a URL is one in an option that may be any text as well
    const other = expected.includes("://") ? url : "";
    const shown = shownConfig(config({ url: "h", other }), urls).parameters;
    expect(shown.other).toBe(other === "" ? "" : expected);
  });

  test("and what it leaves out is in no form in logs", () => {
    const password = 'a"b<c>d\\$e%2F1';
    const whole = config({ url: `redis://u:${password}@h:1/0`, other: "nats://t0ken@h" });
    const hide = hider(hiddenTexts(whole, shownConfig(whole, urls)));
    const url = new URL(`redis://u:${password}@h:1/0`);
    const forms = [password, url.href, JSON.stringify({ password }), decodeURIComponent(url.password), "as t0ken"];
    for (const form of forms) expect(hide(form)).not.toMatch(/b.*c.*d|t0ken/);
    expect(hide("cannot connect to redis://h:1/0")).toBe("cannot connect to redis://h:1/0");
  });
});

describe("hiding", () => {
  test.each([
    ["as it is", "pass", "say pass", `say ${REDACTED}`],
    ["in JSON", 'a"b', JSON.stringify({ a: 'a"b' }), `{"a":"${REDACTED}"}`],
    ["in a URL", "p@ss/word", "http://u:p%40ss%2Fword@h", `http://u:${REDACTED}@h`],
    ["a line of several", "-----BEGIN-----\nMIIEvAIBADAN\n", "key is MIIEvAIBADAN", `key is ${REDACTED}`],
    [
      "the password of one that is a URL",
      "db://u:p%40ss@h/",
      "logged in as u with p@ss",
      `logged in as u with ${REDACTED}`,
    ],
    ["those of a list of URLs", "nats://a:first@h1,nats://second@h2", "first, second", `${REDACTED}, ${REDACTED}`],
    ["what is special in patterns", "a.*(", "aXX a.*( b", `aXX ${REDACTED} b`],
  ])("%s", (_form, secret, text, expected) => {
    expect(hider([secret])(text)).toBe(expected);
  });

  test.each([
    ["GET https://h/a?token=abc&n=1 failed", `GET https://h/a?token=${REDACTED}&n=1 failed`],
    ['{"url":"wss://h/?x=1&Api-Key=a%20b#top"}', `{"url":"wss://h/?x=1&Api-Key=${REDACTED}#top"}`],
    [
      "X-Amz-Signature in https://b.s3/k?X-Amz-Signature=0f&key=1&sort_key=2",
      `X-Amz-Signature in https://b.s3/k?X-Amz-Signature=${REDACTED}&key=${REDACTED}&sort_key=2`,
    ],
    ["redis://:pass@h/0 amqp://u:p@h", `redis://:${REDACTED}@h/0 amqp://u:${REDACTED}@h`],
    ["http://h:8080/a@b?to=me@h, token=1", "http://h:8080/a@b?to=me@h, token=1"],
    [
      "postgres://${{ secrets.U }}:pw@h/${{ secrets.D }}",
      `postgres://\${{ secrets.U }}:${REDACTED}@h/\${{ secrets.D }}`,
    ],
    ["postgres://u:${{ secrets.P }}@h", "postgres://u:${{ secrets.P }}@h"],
    ["ask nats://t0ken@h:4222 or https://key:@h", `ask nats://${REDACTED}@h:4222 or https://${REDACTED}:@h`],
  ])("what is secret in any URL: %s", (text, expected) => {
    expect(hider([])(text)).toBe(expected);
  });

  test("of very long lines comes to an end", () => {
    for (const piece of ["a", "?a", "{{", "a://", "a=", "?token={{"]) {
      const line = `x://?k=1 ${piece.repeat(100_000 / piece.length)}`;
      expect(hider([])(line).length).toBeGreaterThan(0);
    }
  });

  test("of one secret that is a part of another leaves no rest", () => {
    expect(hider(["pass", "passphrase", ""])("passphrase pass")).toBe(`${REDACTED} ${REDACTED}`);
  });

  test("in what a process writes, across the pieces in which it comes, with nothing lost", async () => {
    const pieces = async function* () {
      for (const piece of ["one sec", "ret\ntwo s", "ecret ünd", "\nlast secr", "et"]) yield Buffer.from(piece);
    };
    let seen = "";
    for await (const chunk of hideIn(pieces(), hider(["secret"]))) seen += Buffer.from(chunk);
    expect(seen).toBe(`one ${REDACTED}\ntwo ${REDACTED} ünd\nlast ${REDACTED}`);
  });

  test("in a log, in messages, details and errors", () => {
    const lines: string[] = [];
    const logger = lineLogger({ level: "info", hide: hider(['se"cret']), write: (line) => lines.push(line) });
    const child = logger.child({ who: 'se"cret' });
    child.info({ error: new Error('bad se"cret'), bytes: Buffer.from('x se"cret') }, 'with se"cret');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("cret");
    expect(lines[0]?.match(/\[REDACTED\]/g)?.length).toBeGreaterThanOrEqual(4);
  });
});
