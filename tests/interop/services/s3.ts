import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { freePort } from "../../free-port.ts";
import type { Certificates } from "./certificates.ts";
import { Service } from "./service.ts";

const VERSION = "1.8.0";
const CREDENTIALS = { accessKeyId: "test-key", secretAccessKey: "test-secret-of-the-server" };
const READY_TIMEOUT_MS = 2000;

/** A real S3 server, whose objects are files in a folder of the test. */
export class S3Server implements AsyncDisposable {
  readonly endpoint: string;
  readonly client: S3Client;
  readonly service: Service;
  readonly #folder: string;

  private constructor(endpoint: string, client: S3Client, service: Service, folder: string) {
    this.endpoint = endpoint;
    this.client = client;
    this.service = service;
    this.#folder = folder;
  }

  /** @param tls of a server that is spoken to by https */
  static async start(tls?: Certificates): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), "fluvio-s3-"));
    const data = join(folder, "data");
    await mkdir(data);
    const port = await freePort();
    const endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
    const client = new S3Client({
      endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: CREDENTIALS,
      maxAttempts: 1,
      ...(tls === undefined ? {} : { requestHandler: { httpsAgent: { ca: await readFile(tls.ca) } } }),
    });
    const cache = process.env.FLUVIO_CI_CACHE ?? join(homedir(), ".cache", "fluvio-ci");
    const service = await Service.start({
      name: "versitygw",
      command: join(cache, `versitygw-${VERSION}`, "versitygw"),
      args: [
        ...["--port", `127.0.0.1:${port}`, "--keep-alive", "--quiet"],
        ...(tls === undefined ? [] : ["--cert", tls.serverCert, "--key", tls.serverKey]),
        ...["posix", data],
      ],
      env: { ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
      ready: async () => {
        await client.send(new ListBucketsCommand({}), { abortSignal: AbortSignal.timeout(READY_TIMEOUT_MS) });
      },
    });
    return new S3Server(endpoint, client, service, folder);
  }

  /** Parameters of a connector that reach this server. */
  get parameters(): Readonly<Record<string, string>> {
    return {
      endpoint: this.endpoint,
      region: "us-east-1",
      "access-key-id": CREDENTIALS.accessKeyId,
      "secret-access-key": CREDENTIALS.secretAccessKey,
    };
  }

  async createBucket(bucket: string): Promise<string> {
    await this.client.send(new CreateBucketCommand({ Bucket: bucket }));
    return bucket;
  }

  async put(bucket: string, key: string, body: string | Uint8Array, contentEncoding?: string): Promise<void> {
    await this.client.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: Buffer.from(body), ContentEncoding: contentEncoding }),
    );
  }

  /** Puts files into the server's folder: objects for listings, without what else an object has. */
  async fill(bucket: string, keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => writeFile(join(this.#folder, "data", bucket, key), "")));
  }

  /** Keys in their order. */
  async keys(bucket: string): Promise<string[]> {
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key = "" }) => Key);
  }

  /** Uploads of parts that are neither completed nor aborted. */
  async unfinished(bucket: string): Promise<string[]> {
    const { Uploads = [] } = await this.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    return Uploads.map(({ Key = "" }) => Key);
  }

  async bytes(bucket: string, key: string): Promise<Buffer> {
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await buffer(Body as NodeJS.ReadableStream);
  }

  /** An object as text, unpacked when its key ends with `.gz`. */
  async text(bucket: string, key: string): Promise<string> {
    const bytes = await this.bytes(bucket, key);
    return (key.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.service.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
