import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** A fenced block of a document. */
interface Block {
  /** The words behind the fence: `sh`, `sh live`, `text`, `text live`, `ts`, … */
  readonly info: string;
  readonly text: string;
  readonly line: number;
}

/** The fenced blocks of a Markdown document, in order. */
export async function blocksOf(path: string): Promise<readonly Block[]> {
  const blocks: Block[] = [];
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of (await readFile(path, "utf8")).split("\n").entries()) {
    if (open === undefined && line.startsWith("```")) open = { info: line.slice(3), line: index + 1, lines: [] };
    else if (open !== undefined && line === "```") {
      blocks.push({ info: open.info, text: open.lines.join("\n"), line: open.line });
      open = undefined;
    } else open?.lines.push(line);
  }
  return blocks;
}

interface Shell {
  /** Folder to begin in. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

const LIVE_TIMEOUT_MS = 60_000;
const LIVE_POLL_MS = 50;
const CWD_MARK = "cwd is now ";

/**
 * Does what a reader of a guide does: runs every `sh` block in turn, in one shell's folder, and looks for the lines of the
 * `text` block behind it in what was printed. `sh live` runs in a second terminal until the end; `text live` waits for
 * lines there.
 * @throws with the block's line when a command fails or something else is printed
 */
export async function followGuide(blocks: readonly Block[], shell: Shell): Promise<void> {
  let { cwd } = shell;
  let printed = "";
  let live: LiveCommand | undefined;
  try {
    for (const block of blocks) {
      if (block.info === "sh") {
        const result = await runBlock(block, { ...shell, cwd });
        ({ cwd, printed } = result);
      } else if (block.info === "sh live") {
        live = new LiveCommand(block.text, { ...shell, cwd });
      } else if (block.info === "text") {
        expectLines(block, printed);
      } else if (block.info === "text live") {
        if (live === undefined) throw new Error(`line ${block.line}: nothing runs live`);
        await live.waitFor(block);
      }
    }
  } finally {
    await live?.end();
  }
}

async function runBlock({ text, line }: Block, { cwd, env }: Shell): Promise<{ cwd: string; printed: string }> {
  const script = `set -eo pipefail\n${text}\necho "${CWD_MARK}$PWD"\n`;
  const child = spawn("bash", ["-c", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  child.stdout.on("data", (chunk) => {
    printed += chunk;
  });
  child.stderr.on("data", (chunk) => {
    printed += chunk;
  });
  const status = await ended(child);
  if (status !== 0) throw new Error(`line ${line}: exit ${status}\n${text}\n${printed}`);
  const at = printed.lastIndexOf(CWD_MARK);
  return { cwd: printed.slice(at + CWD_MARK.length).split("\n")[0] ?? cwd, printed };
}

/** Each line must have been printed, in this order; columns may be wider. */
function expectLines({ text, line }: Block, printed: string): void {
  const plain = (each: string) => each.trim().replace(/\s+/g, " ");
  const lines = printed.split("\n").map(plain);
  let at = 0;
  for (const expected of text.split("\n").map(plain)) {
    const found = lines.indexOf(expected, at);
    const within = found < 0 ? lines.findIndex((each, index) => index >= at && each.includes(expected)) : found;
    if (within < 0) throw new Error(`line ${line}: "${expected}" was not printed:\n${printed}`);
    at = within + 1;
  }
}

/** A command that goes on while others run. */
class LiveCommand {
  private readonly child: ChildProcess;
  private stdout = "";
  private stderr = "";
  private seen = 0;

  constructor(text: string, { cwd, env }: Shell) {
    this.child = spawn("bash", ["-c", `exec ${text}`], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on("data", (chunk) => {
      this.stderr += chunk;
    });
  }

  /** Waits until exactly these lines have come since the last time. */
  async waitFor({ text, line }: Block): Promise<void> {
    const expected = `${text}\n`;
    const deadline = Date.now() + LIVE_TIMEOUT_MS;
    while (this.stdout.length < this.seen + expected.length && Date.now() < deadline) await sleep(LIVE_POLL_MS);
    const found = this.stdout.slice(this.seen);
    if (found !== expected) throw new Error(`line ${line}: the stream shows\n${found}${this.stderr}`);
    this.seen += expected.length;
  }

  async end(): Promise<void> {
    this.child.kill("SIGINT");
    const status = await ended(this.child);
    if (status !== 0) throw new Error(`the stream ended with ${status}: ${this.stderr}`);
  }
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  return await new Promise((done) => child.once("close", (status) => done(status)));
}
