import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { freePort } from "../../free-port.ts";
import { makeCertificates } from "./certificates.ts";
import { Service } from "./service.ts";

const run = promisify(execFile);
const DEBIAN_VERSIONS = "/usr/lib/postgresql";

export interface PostgresOptions {
  /** Settings beside those that every test server has. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether the server has TLS, the user `fluvio` a password, and the user `connector` a certificate and nothing else. */
  readonly isSecure?: boolean;
}

/** Of the user `fluvio` of a secure server. */
export const PASSWORD = "s3cret";

/** A PostgreSQL server of its own: superuser `postgres` without a password, logical replication, a new data folder. */
export class Postgres implements AsyncDisposable {
  readonly service: Service;
  readonly port: number;
  /** Of a secure server: who has signed its certificate, for 127.0.0.1 and localhost. */
  readonly ca: string;
  /** Of the user `connector` of a secure server. */
  readonly clientCert: string;
  readonly clientKey: string;
  readonly #folder: string;

  private constructor(service: Service, port: number, folder: string) {
    this.ca = join(folder, "ca.pem");
    this.clientCert = join(folder, "client.pem");
    this.clientKey = join(folder, "client.key");
    this.service = service;
    this.port = port;
    this.#folder = folder;
  }

  static async start({ settings = {}, isSecure = false }: PostgresOptions = {}): Promise<Postgres> {
    const folder = await mkdtemp(join(tmpdir(), "fluvio-postgres-"));
    const user = process.getuid?.() === 0 ? serverUser() : undefined;
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    const data = join(folder, "data");
    const options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
    await run(program("initdb"), [...options, `--pgdata=${data}`], { cwd: folder, ...user });
    const port = await freePort();
    const all = {
      listen_addresses: "127.0.0.1",
      port: String(port),
      unix_socket_directories: "",
      wal_level: "logical",
      max_wal_senders: "16",
      max_replication_slots: "64",
      shared_buffers: "32MB",
      // What is killed here is the process, never the machine.
      fsync: "off",
      ...(isSecure ? await security(folder, user) : {}),
      ...settings,
    };
    const service = await Service.start({
      name: "postgres",
      command: program("postgres"),
      args: ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      ...(user === undefined ? {} : { user }),
      ready: () => answers(port),
    });
    const server = new Postgres(service, port, folder);
    if (isSecure) {
      await server.query(
        `CREATE ROLE fluvio LOGIN SUPERUSER PASSWORD '${PASSWORD}'; CREATE ROLE connector LOGIN SUPERUSER`,
      );
    }
    return server;
  }

  /** Of a database, which must exist. */
  url(database = "postgres"): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs statements and gives the rows of the last one. */
  async query(sql: string, values: readonly unknown[] = [], database?: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      const result: pg.QueryResult | pg.QueryResult[] = await client.query(sql, [...values]);
      return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
    } finally {
      await client.end();
    }
  }

  async createDatabase(name: string): Promise<void> {
    await this.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SIGINT: the server does not wait for its clients.
    await this.service.stop("SIGINT");
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The newest installed version's program; Debian keeps the server's programs out of the path. */
function program(name: string): string {
  const versions = existsSync(DEBIAN_VERSIONS) ? readdirSync(DEBIAN_VERSIONS) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? name : join(DEBIAN_VERSIONS, newest, "bin", name);
}

/** Certificates that the server can read, and who must give a password. */
async function security(folder: string, user: ReturnType<typeof serverUser> | undefined) {
  const { ca, serverCert, serverKey } = await makeCertificates(folder);
  const hba = join(folder, "hba.conf");
  const rules = ["host all postgres", "hostssl all connector", "hostnossl all connector", "host all all"];
  const methods = ["trust", "cert", "reject", "scram-sha-256"];
  await writeFile(hba, rules.map((rule, index) => `${rule} 127.0.0.1/32 ${methods[index]}\n`).join(""));
  if (user !== undefined) await chown(serverKey, user.uid, user.gid);
  return { ssl: "on", ssl_cert_file: serverCert, ssl_key_file: serverKey, ssl_ca_file: ca, hba_file: hba };
}

/** The server refuses to run as root. */
function serverUser(): { readonly uid: number; readonly gid: number } {
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

async function answers(port: number): Promise<void> {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
  client.on("error", () => {
    // The next attempt tells.
  });
  await client.connect();
  await client.end();
}
