import { expect, it } from "vitest";
import type { TlsOptions } from "../transport/index.ts";
import { CA_CERT, CLIENT_CERT, CLIENT_KEY, SERVER_CERT, SERVER_KEY } from "../transport/testing/certificates.ts";
import { drain, text, useTestCluster } from "./testing/cluster.ts";

const cluster = useTestCluster({
  tls: { cert: SERVER_CERT, key: SERVER_KEY, caCert: CA_CERT, requireClientCert: true },
});
const verified: TlsOptions = {
  policy: "verified",
  domain: "fluvio.local",
  caCert: CA_CERT,
  cert: CLIENT_CERT,
  key: CLIENT_KEY,
};

it("produces and consumes over TLS, the SPU under its own name below the domain", async () => {
  await using fluvio = await cluster.connect({ tls: verified });
  const topic = await fluvio.admin().createTopic(cluster.topicName());
  await using producer = await fluvio.topicProducer(topic);
  await (await producer.send("k", "secret")).wait();
  const consumer = await fluvio.consumer({ topic, offset: "beginning", disableContinuous: true });
  expect((await drain(consumer)).map((record) => text(record.value))).toEqual(["secret"]);
});

it("is refused without TLS, without a certificate, and by a client that expects another name", async () => {
  await expect(cluster.connect({ connectTimeoutMs: 2000 })).rejects.toMatchObject({
    code: expect.stringMatching(/^FLV_(CONNECT|CONNECTION_CLOSED|DECODE|FRAME_TOO_LARGE)$/),
  });
  await expect(cluster.connect({ tls: { policy: "anonymous" } })).rejects.toMatchObject({
    code: expect.stringMatching(/^FLV_(TLS|CONNECTION_CLOSED)$/),
  });
  await expect(cluster.connect({ tls: { ...verified, domain: "elsewhere.example" } })).rejects.toMatchObject({
    code: "FLV_TLS",
    hint: expect.stringContaining("profile"),
  });
});
