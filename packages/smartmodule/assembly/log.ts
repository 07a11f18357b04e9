// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fdWrite(fd: i32, parts: usize, count: i32, written: usize): i32;

const STDOUT = 1;
/** Address and length of the text, and the count that the host gives back. */
const call = memory.data(12);

/** Writes a line to the log of the host. Only a module that calls it needs WASI. */
export function log(message: string): void {
  const line = String.UTF8.encode(`${message}\n`, false, String.UTF8.ErrorMode.REPLACE);
  store<u32>(call, changetype<usize>(line));
  store<u32>(call, line.byteLength, 4);
  fdWrite(STDOUT, call, 1, call + 8);
}
