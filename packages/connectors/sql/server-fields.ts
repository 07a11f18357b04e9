import { field } from "fluvio/connector";
import { TLS_MODES } from "./address.ts";

/** Options of every sink that writes to a database server. */
export const serverFields = {
  tls: field.optionalParsed(`one of ${TLS_MODES.join(", ")}`, (text) => TLS_MODES.find((mode) => mode === text), {
    kind: "text",
    doc: `\`disable\`, \`prefer\`, \`require\`, \`verify-ca\` or \`verify-full\`; by default what the URL says (\`sslmode\`, \`ssl-mode\`), else \`prefer\``,
    aliases: ["sslmode"],
  }),
  "tls-ca": field.optionalText({
    doc: "certificate of the authority that the server is trusted by: PEM text or a file",
    aliases: ["sslrootcert"],
  }),
  timeout: field.duration({ doc: "longest time for one transaction", default: "60s", minMs: 1 }),
  "connect-timeout": field.duration({ doc: "longest wait for a connection", default: "15s", minMs: 1 }),
};
