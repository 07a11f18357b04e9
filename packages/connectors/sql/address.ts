import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { loadTls } from "../shared/tls.ts";

export const TLS_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
type TlsMode = (typeof TLS_MODES)[number];

/** What the URL of a database server says. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly tls: TlsMode;
  /** Certificates that are trusted, or the file that holds them. */
  readonly caFile: string | undefined;
}

/** What options say beside the URL. */
export interface AddressOptions {
  readonly tls: TlsMode | undefined;
  readonly "tls-ca": string | undefined;
}

/** Without user, password and options. */
export function shownAddress(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

const MODE_NAMES: Readonly<Record<string, TlsMode>> = {
  disabled: "disable",
  allow: "prefer",
  preferred: "prefer",
  required: "require",
  verify_ca: "verify-ca",
  verify_identity: "verify-full",
};

export function addressOf(url: URL, options: AddressOptions, defaultPort: number): Address {
  const given = (name: string) => url.searchParams.get(name) ?? undefined;
  const text = (part: string) => (part === "" ? undefined : decodeURIComponent(part));
  const mode = (given("sslmode") ?? given("ssl-mode") ?? given("ssl_mode"))?.toLowerCase();
  const named = TLS_MODES.find((one) => one === mode) ?? MODE_NAMES[mode ?? ""];
  return {
    host: given("host") ?? (url.hostname === "" ? "localhost" : url.hostname.replace(/^\[|\]$/g, "")),
    port: url.port === "" ? defaultPort : Number(url.port),
    user: text(url.username) ?? given("user"),
    password: text(url.password) ?? given("password"),
    database: text(url.pathname.slice(1)),
    tls: options.tls ?? named ?? "prefer",
    caFile: options["tls-ca"] ?? given("sslrootcert") ?? given("ssl-ca"),
  };
}

/** What the TLS of the connection is to check; `undefined` for none. */
async function tlsOf({ tls, caFile, host }: Address): Promise<ConnectionOptions | undefined> {
  if (tls === "disable") return undefined;
  const ca = await loadTls({ ca: caFile, cert: undefined, key: undefined });
  if (tls === "prefer" || tls === "require") return { ...ca, rejectUnauthorized: caFile !== undefined };
  return {
    ...ca,
    rejectUnauthorized: true,
    ...(tls === "verify-ca" ? { checkServerIdentity: () => undefined } : identity(host)),
  };
}

/** The certificate must be for the host of the address; an IP address is no name that could be sent. */
function identity(host: string): ConnectionOptions {
  return {
    ...(isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  };
}

/** Connects with TLS where the server has it; with `prefer`, without it where it has none. */
export async function withTls<T>(
  address: Address,
  connect: (tls: ConnectionOptions | undefined) => Promise<T>,
  isWithout: (error: unknown) => boolean,
): Promise<T> {
  const tls = await tlsOf(address);
  try {
    return await connect(tls);
  } catch (error) {
    if (tls === undefined || address.tls !== "prefer" || !isWithout(error)) throw error;
    return await connect(undefined);
  }
}
