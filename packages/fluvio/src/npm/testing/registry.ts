import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";

/** A npm registry on this machine: what is published or added can be fetched. */
export interface TestRegistry {
  readonly url: string;
  add(name: string, version: string, tarball: Uint8Array, about?: PackageAbout): void;
  /** Names of its packages. */
  names(): readonly string[];
  /** Environment of a npm that is logged in there and keeps everything below `home`. */
  env(home: string): Readonly<Record<string, string>>;
  close(): void;
}

/** What a search finds a package by, and shows. */
interface PackageAbout {
  readonly keywords?: readonly string[];
  readonly description?: string;
}

interface StoredPackage extends PackageAbout {
  readonly version: string;
  readonly tarball: Uint8Array;
}

/** Who is logged in with the environment that the registry gives. */
export const REGISTRY_USER = "tester";
const TOKEN = "of-this-test";
const RELEASED = "2026-03-01T12:00:00.000Z";

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
    add: (name, version, tarball, about = {}) => packages.set(name, { version, tarball, ...about }),
    names: () => [...packages.keys()],
    env: (home) => ({
      PATH: process.env.PATH ?? "",
      HOME: home,
      npm_config_registry: url,
      [`npm_config_//127.0.0.1:${address.port}/:_authToken`]: TOKEN,
      npm_config_cache: join(home, "npm-cache"),
      npm_config_fetch_retries: "0",
      npm_config_update_notifier: "false",
    }),
    close: () => server.close(),
  };
}

/** What npm asks for: a packument, a tarball, a search, who is logged in, and to take a package. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  packages: Map<string, StoredPackage>,
  url: string,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "", url);
  if (pathname === "/-/whoami") {
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    response.statusCode = isKnown ? 200 : 401;
    response.end(JSON.stringify(isKnown ? { username: REGISTRY_USER } : {}));
    return;
  }
  if (pathname === "/-/v1/search") {
    response.end(JSON.stringify(found(packages, searchParams.get("text") ?? "")));
    return;
  }
  const [name = "", file] = decodeURIComponent(pathname).slice(1).split("/-/");
  if (request.method === "PUT") {
    const body = (await json(request)) as {
      readonly "dist-tags": { readonly latest: string };
      readonly versions: Readonly<Record<string, PackageAbout>>;
      readonly _attachments: Readonly<Record<string, { readonly data: string }>>;
    };
    const [attachment] = Object.values(body._attachments);
    const tarball = Buffer.from(attachment?.data ?? "", "base64");
    const version = body["dist-tags"].latest;
    const { keywords = [], description = "" } = body.versions[version] ?? {};
    packages.set(name, { version, tarball, keywords, description });
    response.statusCode = 201;
    response.end("{}");
    return;
  }
  const stored = packages.get(name);
  if (stored === undefined) {
    response.statusCode = 404;
    response.end('{"error":"Not found"}');
    return;
  }
  if (file === undefined) response.end(JSON.stringify(packument(name, stored, url)));
  else response.end(stored.tarball);
}

/** @param text `keywords:WORD` */
function found(packages: ReadonlyMap<string, StoredPackage>, text: string) {
  const keyword = text.replace(/^keywords:/, "");
  const objects = [...packages]
    .filter(([, { keywords = [] }]) => keywords.includes(keyword))
    .map(([name, { version, description = "", keywords = [] }]) => ({
      package: { name, version, description, keywords, date: RELEASED, maintainers: [], links: {} },
    }));
  return { objects, total: objects.length, time: RELEASED };
}

function packument(name: string, { version, tarball }: StoredPackage, url: string) {
  const dist = {
    tarball: `${url}/${name}/-/package.tgz`,
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
  };
  return { name, "dist-tags": { latest: version }, versions: { [version]: { name, version, dist } } };
}
