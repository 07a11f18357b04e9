import { describe, expect, test } from "vitest";
import { changeRecords } from "./change.ts";
import { type Message, MessageReader, UNCHANGED } from "./pgoutput.ts";
import { messageRecord } from "./record.ts";

const int16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const text = (value: string) => Buffer.from(`${value}\0`);
const datum = (value: string | null | typeof UNCHANGED) => {
  if (value === null) return Buffer.from("n");
  if (value === UNCHANGED) return Buffer.from("u");
  return Buffer.concat([Buffer.from("t"), int32(Buffer.byteLength(value)), Buffer.from(value)]);
};
const tuple = (tag: string, ...values: (string | null | typeof UNCHANGED)[]) =>
  Buffer.concat([Buffer.from(tag), int16(values.length), ...values.map(datum)]);
const bytes = (tag: string, ...parts: Buffer[]) => Buffer.concat([Buffer.from(tag), ...parts]);

const TABLE = 16_385;
const column = (flags: number, name: string, typeId: number) =>
  Buffer.concat([Buffer.from([flags]), text(name), int32(typeId), int32(-1)]);
const relation = (identity: string, ...columns: Buffer[]) =>
  bytes("R", int32(TABLE), text("public"), text("t"), Buffer.from(identity), int16(columns.length), ...columns);
const PLAIN = relation("d", column(1, "id", 20), column(0, "name", 25), column(0, "extra", 3802));
const PLACE = { walStart: 0x16_b374_d848n, walEnd: 0x16_b374_d848n, timestamp: 753_183_000_000_000n };

function reader(...before: Buffer[]): MessageReader {
  const reading = new MessageReader();
  for (const one of before) reading.read(one);
  return reading;
}
const read = (message: Buffer, table = PLAIN): Message => reader(table).read(message);
const asMessage = (message: Buffer, table = PLAIN) => JSON.parse(messageRecord(read(message, table), PLACE)).message;
const asChange = (message: Buffer, table = PLAIN) => {
  const [record] = changeRecords(read(message, table), PLACE);
  return { key: record?.key, ...JSON.parse(record?.value ?? "null") };
};

describe("messages", () => {
  test("of a transaction", () => {
    const begin = bytes("B", int64(100n), int64(5n), int32(7));
    expect(asMessage(begin)).toEqual({ type: "begin", final_lsn: 100, timestamp: 5, xid: 7 });
    const commit = bytes("C", Buffer.from([0]), int64(100n), int64(108n), int64(5n));
    expect(asMessage(commit)).toEqual({ type: "commit", flags: 0, commit_lsn: 100, end_lsn: 108, timestamp: 5 });
    expect(asMessage(bytes("O", int64(9n), text("up")))).toEqual({ type: "origin", commit_lsn: 9, name: "up" });
    const type = bytes("Y", int32(3), text("public"), text("mood"));
    expect(asMessage(type)).toEqual({ type: "type", id: 3, namespace: "public", name: "mood" });
  });

  test("of rows, with every element of a tuple", () => {
    const types: [number, string, unknown][] = [
      [16, "t", { Bool: true }],
      [18, "A", { Char: 65 }],
      [21, "-2", { Int2: -2 }],
      [23, "4", { Int4: 4 }],
      [20, "8", { Int8: 8 }],
      [26, "9", { Oid: 9 }],
      [700, "1.5", { Float4: 1.5 }],
      [701, "1e+20", { Float8: 1e20 }],
      [701, "NaN", { String: "NaN" }],
      [1043, 'a"b', { String: 'a"b' }],
      [1700, "1.10", { RawText: [49, 46, 49, 48] }],
    ];
    const table = relation("f", ...types.map(([id], index) => column(1, `c${index}`, id)));
    const insert = bytes("I", int32(TABLE), tuple("N", ...types.map(([, value]) => value)));
    expect(asMessage(insert, table)).toEqual({
      type: "insert",
      rel_id: TABLE,
      tuple: types.map(([, , element]) => element),
    });
  });

  test("of updates and deletions, whole rows and keys", () => {
    const keyed = bytes("U", int32(TABLE), tuple("K", "1", null, null), tuple("N", "2", UNCHANGED, null));
    expect(asMessage(keyed)).toEqual({
      type: "update",
      rel_id: TABLE,
      old_tuple: null,
      key_tuple: [{ Int8: 1 }, "Null", "Null"],
      new_tuple: [{ Int8: 2 }, "UnchangedToast", "Null"],
    });
    const gone = bytes("D", int32(TABLE), tuple("O", "1", "a", null));
    expect(asMessage(gone)).toEqual({
      type: "delete",
      rel_id: TABLE,
      old_tuple: [{ Int8: 1 }, { String: "a" }, "Null"],
      key_tuple: null,
    });
    const truncate = bytes("T", int32(1), Buffer.from([3]), int32(TABLE));
    expect(asMessage(truncate)).toEqual({ type: "truncate", options: 3, rel_ids: [TABLE] });
  });

  test("keep numbers that are too large for JavaScript, and mark rows of a snapshot", () => {
    const insert = read(bytes("I", int32(TABLE), tuple("N", "9223372036854775807", null, null)));
    expect(messageRecord(insert, { ...PLACE, isSnapshot: true })).toBe(
      `{"wal_start":97500059720,"wal_end":97500059720,"timestamp":753183000000000,"snapshot":true,` +
        `"message":{"type":"insert","rel_id":16385,"tuple":[{"Int8":9223372036854775807},"Null","Null"]}}`,
    );
  });

  test.each([
    ["an unknown tag", Buffer.from("Z")],
    ["a table that was not described", bytes("I", int32(1), tuple("N"))],
    ["a message that is cut off", bytes("I", int32(TABLE), Buffer.from("N"), int16(2))],
    ["a text without an end", bytes("O", int64(1n), Buffer.from("abc"))],
    ["a value of an unknown kind", bytes("I", int32(TABLE), Buffer.from("N"), int16(1), Buffer.from("x"))],
  ])("that are not understood are refused: %s", (_, message) => {
    expect(() => read(message)).toThrow();
  });
});

describe("changes", () => {
  const insert = bytes("I", int32(TABLE), tuple("N", "1", "a", '{"b": [1]}'));

  test("have key, row and place", () => {
    expect(asChange(insert)).toEqual({
      op: "insert",
      schema: "public",
      table: "t",
      key: { id: 1 },
      before: null,
      after: { id: 1, name: "a", extra: { b: [1] } },
      lsn: "16/B374D848",
      time: 1_699_867_800_000,
    });
    expect(changeRecords(read(insert), PLACE)[0]?.key).toBe('{"id":1}');
    expect(changeRecords(read(insert), { ...PLACE, isSnapshot: true })[0]?.value).toMatch(/^{"op":"read"/);
  });

  test("of an update name what did not change, and give the key before", () => {
    const update = bytes("U", int32(TABLE), tuple("K", "1", null, null), tuple("N", "2", "b", UNCHANGED));
    expect(asChange(update)).toMatchObject({
      key: { id: 2 },
      before: { id: 1 },
      after: { id: 2, name: "b" },
      unchanged: ["extra"],
    });
  });

  test("of a deletion have the key, or the whole row without a key", () => {
    expect(asChange(bytes("D", int32(TABLE), tuple("K", "1", null, null)))).toMatchObject({
      op: "delete",
      key: { id: 1 },
      before: { id: 1 },
      after: null,
    });
    const full = relation("f", column(1, "id", 20), column(1, "name", 25));
    expect(asChange(bytes("D", int32(TABLE), tuple("O", "1", null)), full)).toMatchObject({
      key: null,
      before: { id: 1, name: null },
    });
  });

  test("of a truncation are one for each table, and other messages have none", () => {
    const truncate = bytes("T", int32(1), Buffer.from([1]), int32(TABLE));
    expect(asChange(truncate)).toMatchObject({ op: "truncate", table: "t", cascade: true });
    expect(changeRecords(read(bytes("B", int64(1n), int64(1n), int32(1))), PLACE)).toEqual([]);
    expect(changeRecords(read(PLAIN), PLACE)).toEqual([]);
  });
});
