import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import type { ParameterValue } from "fluvio/connector";
import { afterEach, expect, test } from "vitest";
import * as OTHER from "../../fluvio/src/transport/testing/certificates.ts";
import { CA_CERT, CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from "../testing/certificates.ts";
import { SourceRun } from "../testing/run-source.ts";
import { connector } from "./source.ts";
import { WsServer } from "./testing/ws-server.ts";

/** A WebSocket over TLS. */
const secured = { cert: SERVER_CERT, key: SERVER_KEY };
const mutual = { ...secured, ca: CA_CERT, requestCert: true, rejectUnauthorized: true };
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(tls: ConstructorParameters<typeof WsServer>[0]): Promise<WsServer> {
  const server = new WsServer(tls);
  server.onConnection = (socket) => socket.send("over TLS");
  await server.listen();
  closers.push(() => server.close());
  return server;
}

function start(endpoint: string, parameters: Readonly<Record<string, ParameterValue>> = {}): SourceRun {
  const run = new SourceRun(connector, { endpoint, retry_delay: "1ms", retry_delay_max: "10ms", ...parameters });
  closers.push(() => run.stop());
  return run;
}
const receives = (run: SourceRun) => run.until(() => run.records.includes("over TLS"));

test("an authority of one's own is trusted when it is named, as text or as a file, and only then", async () => {
  const server = await listen(secured);
  const distrustful = start(server.url);
  await distrustful.until(() => distrustful.troubles.some((reason) => /certificate/.test(reason)));
  expect(distrustful.records).toEqual([]);
  await receives(start(server.url, { tls: { ca: CA_CERT } }));
  const folder = await mkdtemp(join(tmpdir(), "fluvio-wss-"));
  closers.push(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "ca.pem"), CA_CERT);
  await receives(start(server.url, { tls: { ca: join(folder, "ca.pem") } }));
});

test("a server with another name in its certificate is not trusted", async () => {
  const server = await listen({ cert: OTHER.SERVER_CERT, key: OTHER.SERVER_KEY });
  const run = start(server.url, { tls: { ca: OTHER.CA_CERT } });
  await run.until(() => run.troubles.some((reason) => /does not match certificate/.test(reason)));
  expect(run.records).toEqual([]);
});

test("a server that wants a certificate is shown the connector's own", async () => {
  const server = await listen(mutual);
  const nobody = start(server.url, { tls: { ca: CA_CERT } });
  await nobody.until(() => nobody.troubles.length > 0);
  await receives(start(server.url, { tls: { ca: CA_CERT, cert: CLIENT_CERT, key: CLIENT_KEY } }));
  const shown = server.requests.map(({ socket }) => (socket as TLSSocket).getPeerCertificate().subject.CN);
  expect(shown).toEqual(["connector"]);
});

test("who asks is told over TLS, also with a token that is had over TLS", async () => {
  const server = await listen(secured);
  const tokens = createServer(secured, (_, response) => response.end('{"access_token":"abc"}'));
  await once(tokens.listen(0, "127.0.0.1"), "listening");
  closers.push(async () => {
    tokens.closeAllConnections();
    await new Promise((closed) => tokens.close(closed));
  });
  const tokenUrl = `https://127.0.0.1:${(tokens.address() as AddressInfo).port}/`;
  const client = { "token-url": tokenUrl, "client-id": "me", "client-secret": "s" };
  await receives(start(server.url, { tls: { ca: CA_CERT }, headers: ["X-One: 1"], auth: client }));
  expect(server.requests[0]?.headers).toMatchObject({ "x-one": "1", authorization: "Bearer abc" });
});
