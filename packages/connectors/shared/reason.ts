/** What an error says, in one line; errors of connections that say nothing themselves are known by their code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Our own codes are for programs; the sentence says it.
  const code = "code" in error && typeof error.code === "string" && !error.code.startsWith("FLV_") ? error.code : "";
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ") || code;
  if (error.message === "") return code === "" ? error.name : code;
  return code === "" || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}

/** Host and port of a URL, for messages: without user, password and path, which may be secret. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}`;
}
