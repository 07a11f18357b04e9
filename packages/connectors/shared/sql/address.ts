import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { field, tryLater } from "fluvio/connector";
import { loadTls } from "../tls.ts";

const TLS_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
type TlsMode = (typeof TLS_MODES)[number];

/** Options of every connector that speaks with a database server. */
export const tlsServerFields = {
  tls: field.optionalParsed(`one of ${TLS_MODES.join(", ")}`, (text) => TLS_MODES.find((mode) => mode === text), {
    kind: "text",
    doc: `\`disable\`, \`prefer\`, \`require\`, \`verify-ca\` or \`verify-full\`; by default what the URL says (\`sslmode\`, \`ssl-mode\`), else \`prefer\``,
    aliases: ["sslmode"],
  }),
  "tls-ca": field.optionalPem({
    doc: "certificate of the authority that the server is trusted by: PEM text or a file",
    aliases: ["sslrootcert"],
  }),
  "tls-cert": field.optionalPem({
    doc: "own certificate, where the server asks for one: PEM text or a file",
    aliases: ["sslcert"],
  }),
  "tls-key": field.optionalPem({
    doc: "private key of the own certificate: PEM text or a file",
    isSecret: true,
    aliases: ["sslkey"],
  }),
};

/** What options say beside the URL. */
export interface AddressOptions {
  readonly tls?: TlsMode | undefined;
  readonly "tls-ca"?: string | undefined;
  readonly "tls-cert"?: string | undefined;
  readonly "tls-key"?: string | undefined;
}

/** The options of TLS among those of a connector. */
export function tlsOptionsOf(own: AddressOptions): AddressOptions {
  return { tls: own.tls, "tls-ca": own["tls-ca"], "tls-cert": own["tls-cert"], "tls-key": own["tls-key"] };
}

/** What the URL of a database server says. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  readonly tls: TlsMode;
  /** PEM texts or files: certificates that are trusted, the own certificate, its key. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
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
  "no-verify": "require",
  verify_ca: "verify-ca",
  verify_identity: "verify-full",
};
const MODE_KEYS = ["sslmode", "ssl-mode", "ssl_mode"];
const FILE_KEYS = { ca: ["sslrootcert", "ssl-ca"], cert: ["sslcert", "ssl-cert"], key: ["sslkey", "ssl-key"] };

const FILE_PARAMETER = new RegExp(`([?&](?:${Object.values(FILE_KEYS).flat().join("|")})=)([^&#]+)`, "g");

/** A URL with absolute paths of the files that its options name. */
export function absoluteTlsFiles(url: string, resolve: (path: string) => string): string {
  return url.replace(FILE_PARAMETER, (_, before: string, path: string) => {
    if (path.startsWith("${{")) return before + path;
    const whole = resolve(decodeURIComponent(path));
    return before + encodeURI(whole).replaceAll(/[&#?+]/g, encodeURIComponent);
  });
}

export function addressOf(url: URL, options: AddressOptions, defaultPort: number): Address {
  const given = (...names: string[]) => names.map((name) => url.searchParams.get(name)).find((one) => one !== null);
  const text = (part: string) => (part === "" ? undefined : decodeURIComponent(part));
  const mode = given(...MODE_KEYS)?.toLowerCase();
  const named = TLS_MODES.find((one) => one === mode) ?? MODE_NAMES[mode ?? ""];
  return {
    host: given("host") ?? (url.hostname === "" ? "localhost" : url.hostname.replace(/^\[|\]$/g, "")),
    port: url.port === "" ? defaultPort : Number(url.port),
    user: text(url.username) ?? given("user") ?? undefined,
    password: text(url.password) ?? given("password") ?? undefined,
    database: text(url.pathname.slice(1)),
    tls: options.tls ?? named ?? "prefer",
    ca: options["tls-ca"] ?? given(...FILE_KEYS.ca) ?? undefined,
    cert: options["tls-cert"] ?? given(...FILE_KEYS.cert) ?? undefined,
    key: options["tls-key"] ?? given(...FILE_KEYS.key) ?? undefined,
  };
}

/** The URL without what {@link addressOf} reads of TLS, for drivers that read a URL themselves. */
export function withoutTls(url: URL): string {
  const plain = new URL(url);
  for (const key of [...MODE_KEYS, ...Object.values(FILE_KEYS).flat()]) plain.searchParams.delete(key);
  return plain.href;
}

/** What the TLS of the connection is to check; `undefined` for none. */
async function tlsOf({ tls, ca, cert, key, host }: Address): Promise<ConnectionOptions | undefined> {
  if (tls === "disable") return undefined;
  const loaded = await loadTls({ ca, cert, key }, "tls-");
  if (tls === "prefer" || tls === "require") {
    // As libpq does: an authority that is named is looked at, the name of the server is not.
    return { ...loaded, rejectUnauthorized: ca !== undefined, checkServerIdentity: () => undefined };
  }
  return {
    ...loaded,
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

/**
 * Connects with TLS where the server has it; with `prefer`, without it where it has none.
 * @param isWithout whether the error says that the server has no TLS
 * @throws FLV_SINK_UNAVAILABLE with what to do, when it is TLS that keeps the two apart
 */
export async function withTls<T>(
  address: Address,
  connect: (tls: ConnectionOptions | undefined) => Promise<T>,
  isWithout: (error: unknown) => boolean,
): Promise<T> {
  const tls = await tlsOf(address);
  try {
    return await connect(tls);
  } catch (error) {
    if (tls !== undefined && isWithout(error)) {
      if (address.tls === "prefer") return await connect(undefined);
      const sentence = `${shownHost(address)} has no TLS, but \`tls: ${address.tls}\` wants it`;
      throw tryLater(`${sentence}: switch it on at the server, or use \`tls: disable\``, { cause: error });
    }
    const advice = adviceOn(error, address, tls !== undefined);
    if (advice === undefined) throw error;
    throw tryLater(`${advice} (${error instanceof Error ? error.message : String(error)})`, { cause: error });
  }
}

const shownHost = ({ host, port }: Address) => `${host}:${port}`;

/** What to do about an error of TLS; drivers put their own codes on them, so that only the words tell. */
function adviceOn(error: unknown, address: Address, isTls: boolean): string | undefined {
  const words = error instanceof Error ? error.message : String(error);
  const server = shownHost(address);
  const unchecked = "or encrypt without looking at it with `tls: require` and no `tls-ca`";
  if (/does not match certificate|altnames/i.test(words)) {
    return `the certificate of ${server} is for other names: connect by one of them, or use \`tls: verify-ca\``;
  }
  if (/certificate has expired|not yet valid/i.test(words)) return `the certificate of ${server} must be renewed`;
  if (/self[- ]signed certificate|unable to (verify|get)|issuer certificate/i.test(words)) {
    return address.ca === undefined
      ? `the certificate of ${server} is not trusted: give the certificate of who has signed it as \`tls-ca\`, ${unchecked}`
      : `the certificate of ${server} was not signed by the authority of \`tls-ca\`: give the certificate of who has signed it, ${unchecked}`;
  }
  if (/client certificate|certificate required|handshake failure|unknown ca|bad certificate/i.test(words)) {
    return `${server} wants a certificate that it trusts: give one as \`tls-cert\` and \`tls-key\``;
  }
  if (!isTls && /no encryption|SSL off|insecure transport/i.test(words)) {
    return `${server} wants TLS: use \`tls: require\` or \`tls: verify-full\``;
  }
  return undefined;
}
