// A web server of its own process: `server.mjs PORT FILE`.
//   GET: a number that counts up · POST: the body becomes a line of the file
//   WebSocket: numbers that count up, ten a second; each message becomes a line of the file
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const [port, file] = process.argv.slice(2);
let count = 0;
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.method === "POST") appendFileSync(file, `${Buffer.concat(chunks)}\n`);
  response.end(request.method === "POST" ? "" : `${++count}`);
});
new WebSocketServer({ server }).on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data) => appendFileSync(file, `${data}\n`));
  const timer = setInterval(() => socket.send(`${++count}`), 100);
  socket.on("close", () => clearInterval(timer));
});
server.listen(Number(port), "127.0.0.1");
