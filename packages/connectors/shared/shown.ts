/** A URL with its path, for logs and messages: without what may be secret, which is user, password and query. */
export function shownEndpoint(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
