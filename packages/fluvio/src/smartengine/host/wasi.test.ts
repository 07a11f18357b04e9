import { describe, expect, it } from "vitest";
import { Wasi } from "./wasi.ts";

const SUCCESS = 0;
const BAD_DESCRIPTOR = 8;
const FAULT = 21;
const NOT_SUPPORTED = 52;
const ENCODER = new TextEncoder();

/** A guest's memory with WASI attached, and the lines it printed. */
function guest(module = "wasi_snapshot_preview1") {
  const lines: string[] = [];
  const wasi = new Wasi((stream, line) => lines.push(`${stream}: ${line}`));
  const memory = new WebAssembly.Memory({ initial: 2 });
  wasi.attach(memory);
  const view = new DataView(memory.buffer);
  const call = (name: string, ...parameters: (number | bigint)[]): number => {
    const found = wasi.function(module, name);
    if (found === undefined) throw new Error(`${name} is not there`);
    return (found as (...values: (number | bigint)[]) => number)(...parameters);
  };
  const print = (fd: number, text: string): number => {
    const bytes = ENCODER.encode(text);
    new Uint8Array(memory.buffer).set(bytes, 1024);
    view.setUint32(0, 1024, true);
    view.setUint32(4, bytes.length, true);
    return call("fd_write", fd, 0, 1, 8);
  };
  return { wasi, view, lines, call, print };
}

describe("what a module prints", () => {
  it("comes line by line, the unfinished one at the end of the call", () => {
    const { wasi, view, lines, print } = guest();
    expect(print(1, "one\ntw")).toBe(SUCCESS);
    expect(view.getUint32(8, true)).toBe(6);
    print(2, "trouble\n");
    print(1, "o\nthree");
    expect(lines).toEqual(["stdout: one", "stderr: trouble", "stdout: two"]);
    wasi.endCall();
    expect(lines.at(-1)).toBe("stdout: three");
  });

  it("is bounded per call and per line", () => {
    const { wasi, lines, print } = guest();
    for (let i = 0; i < 1000; i++) print(1, "again\n");
    print(1, "x".repeat(60_000));
    wasi.endCall();
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toBe("stderr: … 801 more lines of one call are left out");
    print(1, "x".repeat(60_000));
    wasi.endCall();
    expect(lines.at(-1)).toHaveLength("stdout: ".length + 8192);
  });

  it("must lie in its memory, and go to an output", () => {
    const { view, call, print } = guest();
    expect(print(5, "x")).toBe(BAD_DESCRIPTOR);
    view.setUint32(0, 0xfffffff0, true);
    expect(call("fd_write", 1, 0, 1, 8)).toBe(FAULT);
  });
});

describe("what a module is given", () => {
  it("is a clock and randomness", () => {
    const { view, call } = guest();
    expect(call("clock_time_get", 0, 0n, 64)).toBe(SUCCESS);
    expect(Number(view.getBigUint64(64, true) / 1_000_000n)).toBeGreaterThan(1_600_000_000_000);
    expect(call("random_get", 128, 32)).toBe(SUCCESS);
    expect(new Uint8Array(view.buffer, 128, 32).some((byte) => byte !== 0)).toBe(true);
    expect(call("random_get", 131_070, 32)).toBe(FAULT);
  });

  it("is a sleep that ends", () => {
    const { view, call } = guest();
    view.setBigUint64(256, 77n, true);
    view.setBigUint64(256 + 24, 1_000_000n, true);
    expect(call("poll_oneoff", 256, 512, 1, 640)).toBe(SUCCESS);
    expect(view.getBigUint64(512, true)).toBe(77n);
    expect(view.getUint32(640, true)).toBe(1);
    expect(guest("wasi_unstable").call("poll_oneoff", 256, 512, 1, 640)).toBe(NOT_SUPPORTED);
  });

  it("is no argument, no variable, no file and no input", () => {
    const { view, call } = guest();
    view.setUint32(0, 9, true);
    expect(call("environ_sizes_get", 0, 4)).toBe(SUCCESS);
    expect(view.getUint32(0, true)).toBe(0);
    expect(call("args_sizes_get", 0, 4)).toBe(SUCCESS);
    expect(call("fd_prestat_get", 3, 0)).toBe(BAD_DESCRIPTOR);
    expect(call("path_open", 3, 0, 0, 0, 0, 0n, 0n, 0, 0)).toBe(BAD_DESCRIPTOR);
    expect(call("fd_read", 0, 0, 0, 8)).toBe(SUCCESS);
    expect(view.getUint32(8, true)).toBe(0);
    expect(call("proc_raise", 9)).toBe(NOT_SUPPORTED);
  });

  it("is no function that WASI does not have, nor one of another module", () => {
    const { wasi } = guest();
    expect(wasi.function("wasi_snapshot_preview1", "launch")).toBeUndefined();
    expect(wasi.function("env", "fd_write")).toBeUndefined();
    expect(wasi.function("wasi_unstable", "fd_write")).toBeTypeOf("function");
  });
});

describe("proc_exit", () => {
  it("ends the call", () => {
    expect(() => guest().call("proc_exit", 3)).toThrow("proc_exit(3)");
  });
});
