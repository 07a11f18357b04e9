import { flag, type InputOf, value } from "./command.ts";
import { nonEmpty } from "./values.ts";

/** Options before the first word of a command: `fluvio -P staging topic list`. */
export const globalOptions = {
  cluster: value({
    long: "cluster",
    short: "c",
    value: "HOST:PORT",
    summary: "Address of the cluster, instead of the profile's",
    parse: nonEmpty,
  }),
  profile: value({
    long: "profile",
    short: "P",
    value: "NAME",
    summary: "Profile to use for this command only",
    parse: nonEmpty,
  }),
  tls: flag({ long: "tls", summary: "Connect by TLS; alone it does not verify the server" }),
  enableClientCert: flag({
    long: "enable-client-cert",
    summary: "TLS with certificates: needs the four options below",
  }),
  domain: value({ long: "domain", value: "NAME", summary: "Server name in its certificate", parse: nonEmpty }),
  caCert: value({ long: "ca-cert", value: "PATH", summary: "CA certificate (PEM)", parse: nonEmpty }),
  clientCert: value({ long: "client-cert", value: "PATH", summary: "Client certificate (PEM)", parse: nonEmpty }),
  clientKey: value({
    long: "client-key",
    value: "PATH",
    summary: "Key of the client certificate (PEM)",
    parse: nonEmpty,
  }),
  verbose: flag({ long: "verbose", summary: "Show details and causes of errors" }),
};

export type GlobalOptions = InputOf<Record<never, never>, typeof globalOptions>;
