/** What the host gives a module. */

// @ts-ignore: decorator
@external("env", "copy_records")
export declare function copyRecords(ptr: usize, length: i32): void;
