/** A connector process for the supervisor's tests: does what its configuration's `behaviour` says. */
import { readFileSync, writeFileSync } from "node:fs";

const after = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const { parameters } = JSON.parse(readFileSync(after("--config"), "utf8"));
const say = (text) => process.stderr.write(`${text}\n`);
const { behaviour, pidFile } = parameters;
if (pidFile !== undefined) writeFileSync(pidFile, String(process.pid));

say(
  `started ${behaviour} endpoint=${after("--endpoint")} token=${process.env.TOKEN ?? "none"} argv=${process.argv.slice(2).join(" ")}`,
);
process.on("disconnect", () => process.exit(1));
const stay = () => setInterval(() => {}, 1000);

switch (behaviour) {
  case "run":
    process.on("SIGTERM", () => {
      say("drained");
      process.exit(0);
    });
    process.send({ type: "running" });
    setInterval(() => process.send({ type: "heartbeat", records: 1, recordErrors: 0 }), 20);
    break;
  case "stubborn":
    process.on("SIGTERM", () => say("not yet"));
    process.send({ type: "running" });
    setInterval(() => process.send({ type: "heartbeat", records: 1, recordErrors: 0 }), 20);
    break;
  case "silent":
    process.send({ type: "running" });
    stay();
    break;
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
    setInterval(() => process.send({ type: "heartbeat", records: 1, recordErrors: 0 }), 20);
    break;
  default:
    throw new Error(`no behaviour ${behaviour}`);
}
