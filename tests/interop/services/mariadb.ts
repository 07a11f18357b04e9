import { execFile, execFileSync } from "node:child_process";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import mysql from "mysql2/promise";
import { freePort } from "../../free-port.ts";
import { Service } from "./service.ts";

const run = promisify(execFile);

/** Debian keeps the server out of the path of users. */
const SERVER = "/usr/sbin/mariadbd";
const USER = "fluvio";
const PASSWORD = "s3cret";

/** A MariaDB server of its own: the user `fluvio` with a password, the database `test`, a new data folder. */
export class MariaDb implements AsyncDisposable {
  readonly service: Service;
  readonly port: number;
  readonly #folder: string;

  private constructor(service: Service, port: number, folder: string) {
    this.service = service;
    this.port = port;
    this.#folder = folder;
  }

  static async start(): Promise<MariaDb> {
    const folder = await mkdtemp(join(tmpdir(), "fluvio-mariadb-"));
    const user = process.getuid?.() === 0 ? serverUser() : undefined;
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    const data = join(folder, "data");
    const port = await freePort();
    await run(
      "mariadb-install-db",
      ["--no-defaults", `--datadir=${data}`, "--auth-root-authentication-method=normal"],
      {
        cwd: folder,
        ...user,
      },
    );
    const service = await Service.start({
      name: "mariadb",
      command: SERVER,
      args: [
        "--no-defaults",
        `--datadir=${data}`,
        `--socket=${join(folder, "socket")}`,
        `--port=${port}`,
        "--bind-address=127.0.0.1",
        "--innodb-buffer-pool-size=32M",
        // What is killed here is the process, never the machine.
        "--innodb-flush-log-at-trx-commit=2",
      ],
      ...(user === undefined ? {} : { user }),
      ready: async () => {
        await (await mysql.createConnection({ host: "127.0.0.1", port, user: "root" })).end();
      },
    });
    const server = new MariaDb(service, port, folder);
    await server.query("CREATE DATABASE IF NOT EXISTS test");
    // A new server has a user without a name for this host, which would come before one of any host.
    await server.query(`CREATE USER ${USER}@localhost IDENTIFIED BY '${PASSWORD}'`);
    await server.query(`GRANT ALL ON *.* TO ${USER}@localhost`);
    return server;
  }

  /** @param port of a proxy in front of it */
  url(database = "test", port = this.port): string {
    return `mysql://${USER}:${PASSWORD}@127.0.0.1:${port}/${database}`;
  }

  async query(sql: string, database?: string): Promise<Record<string, unknown>[]> {
    const connection = await mysql.createConnection({
      host: "127.0.0.1",
      port: this.port,
      user: "root",
      dateStrings: true,
      ...(database === undefined ? {} : { database }),
    });
    try {
      const [rows] = await connection.query<mysql.RowDataPacket[]>(sql);
      return rows;
    } finally {
      await connection.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The server refuses to run as root. */
function serverUser(): { readonly uid: number; readonly gid: number } {
  const id = (flag: string) => Number(execFileSync("id", [flag, "mysql"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
