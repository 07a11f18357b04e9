#!/usr/bin/env node
/**
 * A small HTTP API of cat facts on localhost, so that the examples need no internet: `GET /fact` gives
 * `{"fact":"…","length":N}`, a random one each time.
 *
 *   node server.mjs [--port N]      default 8080; 0 takes any free port; the first line it prints is its address
 */
import { createServer } from "node:http";

const FACTS = [
  "A cat sleeps through about two thirds of its life.",
  "A group of kittens is called a kindle.",
  "Cats walk on their toes, and put each hind paw almost exactly where the front paw was.",
  "The print of a cat's nose is as individual as a fingerprint.",
  "A cat turns each ear on its own, with about thirty muscles.",
  "Cats cannot taste sweetness.",
  "A cat's whiskers are about as wide as its body, which tells it where it fits through.",
  "Most female cats prefer the right paw, most males the left.",
  "A cat that holds its tail straight up greets somebody it likes.",
  "Cats see in about a sixth of the light that people need.",
  "The collarbones of a cat float free, so that it can follow its head through narrow gaps.",
  "A cat at full speed runs about 48 kilometres in an hour.",
  "Cats purr when they are content, and also when they need comfort.",
  "All kittens are born with blue eyes.",
  "A domestic cat shares about 95 percent of its genes with the tiger.",
  "A falling cat turns its front half first and its hind half after it, and lands on its feet.",
];

const portAt = process.argv.indexOf("--port");
const port = portAt < 0 ? 8080 : Number(process.argv[portAt + 1]);

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const send = (status, body) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (pathname !== "/fact") return send(404, { message: "Not Found", try: "/fact" });
  if (request.method !== "GET" && request.method !== "HEAD") return send(405, { message: "Method Not Allowed" });
  const fact = FACTS[Math.floor(Math.random() * FACTS.length)];
  return send(200, { fact, length: fact.length });
});

server.on("error", (error) => {
  console.error(error.code === "EADDRINUSE" ? `port ${port} is in use; choose another with --port` : error.message);
  process.exit(1);
});
server.listen(port, "127.0.0.1", () => console.log(`cat facts on http://localhost:${server.address().port}/fact`));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
