/** What the host gives a SmartModule: names the bytes of memory that are the output of the call under way. */
export declare function copy_records(ptr: usize, length: i32): void;
