import type { JsMsg } from "@nats-io/jetstream";

/** A message as a record value: its data, or an object with all there is to it. */
export function recordValue(message: JsMsg, output: "value" | "json"): Uint8Array | string {
  if (output === "value") return message.data;
  return JSON.stringify({
    subject: message.subject,
    sequence: message.info.streamSequence,
    timestamp: message.timestamp,
    headers: headersOf(message),
    ...payloadOf(message.data),
  });
}

function headersOf({ headers }: JsMsg): Readonly<Record<string, string | readonly string[]>> {
  const found: Record<string, string | readonly string[]> = {};
  for (const name of headers?.keys() ?? []) {
    const values = headers?.values(name) ?? [];
    found[name] = values.length === 1 ? (values[0] ?? "") : values;
  }
  return found;
}

function payloadOf(data: Uint8Array): { readonly payload: string } | { readonly payloadBase64: string } {
  try {
    return { payload: new TextDecoder("utf-8", { fatal: true }).decode(data) };
  } catch {
    return { payloadBase64: Buffer.from(data).toString("base64") };
  }
}
