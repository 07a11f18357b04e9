import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";

/** A npm registry on this machine: what is published or added can be fetched. */
export interface TestRegistry {
  readonly url: string;
  add(name: string, version: string, tarball: Uint8Array): void;
  /** Names of its packages. */
  names(): readonly string[];
  /** Environment of a npm that is logged in there and keeps everything below `home`. */
  env(home: string): Readonly<Record<string, string>>;
  close(): void;
}

interface StoredPackage {
  readonly version: string;
  readonly tarball: Uint8Array;
}

export async function startRegistry(): Promise<TestRegistry> {
  const packages = new Map<string, StoredPackage>();
  let url = "";
  const server = createServer((request, response) => void answer(request, response, packages, url));
  server.listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the registry has no port");
  url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    add: (name, version, tarball) => packages.set(name, { version, tarball }),
    names: () => [...packages.keys()],
    env: (home) => ({
      PATH: process.env.PATH ?? "",
      HOME: home,
      npm_config_registry: url,
      [`npm_config_//127.0.0.1:${address.port}/:_authToken`]: "of-this-test",
      npm_config_cache: join(home, "npm-cache"),
      npm_config_fetch_retries: "0",
      npm_config_update_notifier: "false",
    }),
    close: () => server.close(),
  };
}

/** What npm asks for: a packument, a tarball, and to take a package. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  packages: Map<string, StoredPackage>,
  url: string,
): Promise<void> {
  const [name = "", file] = decodeURIComponent(request.url ?? "")
    .slice(1)
    .split("/-/");
  if (request.method === "PUT") {
    const body = (await json(request)) as {
      readonly "dist-tags": { readonly latest: string };
      readonly _attachments: Readonly<Record<string, { readonly data: string }>>;
    };
    const [attachment] = Object.values(body._attachments);
    const tarball = Buffer.from(attachment?.data ?? "", "base64");
    packages.set(name, { version: body["dist-tags"].latest, tarball });
    response.statusCode = 201;
    response.end("{}");
    return;
  }
  const found = packages.get(name);
  if (found === undefined) {
    response.statusCode = 404;
    response.end('{"error":"Not found"}');
    return;
  }
  if (file === undefined) response.end(JSON.stringify(packument(name, found, url)));
  else response.end(found.tarball);
}

function packument(name: string, { version, tarball }: StoredPackage, url: string) {
  const dist = {
    tarball: `${url}/${name}/-/package.tgz`,
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
  };
  return { name, "dist-tags": { latest: version }, versions: { [version]: { name, version, dist } } };
}
