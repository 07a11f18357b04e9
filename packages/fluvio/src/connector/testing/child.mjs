/** A connector process for the supervisor's tests: does what its configuration's `behaviour` says. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";

const [start] = await once(process, "message");
const after = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const { parameters } = JSON.parse(start.config);
const say = (text) => process.stderr.write(`${text}\n`);
const { behaviour, pidFile, token } = parameters;
if (pidFile !== undefined) writeFileSync(pidFile, String(process.pid));

say(
  `started ${behaviour} endpoint=${after("--endpoint")} secrets=${Object.keys(start.secrets)} argv=${process.argv.slice(2).join(" ")}`,
);
process.on("disconnect", () => process.exit(1));
const stay = () => setInterval(() => {}, 1000);
let records = 0;
const beat = () => {
  records++;
  const counted = {
    records,
    recordErrors: 2,
    deadLettered: 1,
    refused: 3,
    recordsIn: records,
    bytesIn: 10,
    bytesOut: 5,
  };
  const modules = [{ name: "m", recordsIn: records, chains: 1, memoryBytes: 65536 }];
  process.send({ type: "heartbeat", counters: { ...counted, lastRecordMs: 1, positions: [[0, records]], modules } });
};

switch (behaviour) {
  case "run":
    process.on("SIGTERM", () => {
      say("drained");
      process.exit(0);
    });
    process.send({ type: "running" });
    setInterval(beat, 20);
    break;
  case "stubborn":
    process.on("SIGTERM", () => say("not yet"));
    process.send({ type: "running" });
    setInterval(beat, 20);
    break;
  case "silent":
    process.send({ type: "running" });
    stay();
    break;
  case "blocked":
    process.send({ type: "running" }, () => {
      for (;;);
    });
    break;
  case "leaky":
    // what a driver might print, in pieces that cut the secret in two
    process.send({ type: "running" });
    process.send({ type: "trouble", reason: `cannot log in with ${start.secrets.TOKEN}` });
    process.stderr.write(`connecting with ${start.secrets.TOKEN.slice(0, 3)}`, () => {
      setTimeout(() => say(`${start.secrets.TOKEN.slice(3)} and ${token}`), 20);
    });
    setInterval(beat, 20);
    break;
  case "abandons": {
    // a process of its own that lives on and holds the pipes
    const { spawn } = await import("node:child_process");
    const left = spawn("sleep", ["60"], { stdio: ["ignore", "inherit", "inherit"], detached: true });
    left.unref();
    process.send({ type: "running" });
    say(`left ${left.pid}`);
    setTimeout(() => process.exit(4), 20);
    break;
  }
  case "crash":
    process.exit(3);
    break;
  case "fail":
    process.send({ type: "failed", reason: "the other system is away", permanent: false }, () => process.exit(1));
    break;
  case "invalid":
    process.send({ type: "failed", reason: "it can never work", permanent: true }, () => process.exit(1));
    break;
  case "finish":
    process.send({ type: "running" });
    process.send({ type: "finished" }, () => process.exit(0));
    break;
  case "chatter":
    process.send({ type: "running" });
    for (let line = 0; line < 2000; line++) say(`line ${line} ${"x".repeat(80)}`);
    setInterval(beat, 20);
    break;
  default:
    throw new Error(`no behaviour ${behaviour}`);
}
