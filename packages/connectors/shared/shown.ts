/** A URL for logs and messages, without what may be secret: user, password, query. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** Why something failed, in one line, with the causes that say more. */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? `${error.code}: ` : "";
  const said = error.message === "" && error instanceof AggregateError ? error.errors.map(errorReason).join("; ") : "";
  return `${code}${error.message}${said}${error.cause instanceof Error ? `: ${errorReason(error.cause)}` : ""}`;
}
