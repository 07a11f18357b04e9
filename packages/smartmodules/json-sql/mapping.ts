import { Buffer } from "../shared/buffer";
import { plainText } from "../shared/json/list";
import { JsonPath } from "../shared/json/path";
import { malformed } from "../shared/json/syntax";
import { quoted, skipSpace } from "../shared/json/text";
import { Members } from "../shared/json/walk";

/** The types of the SQL model by the names that a mapping may use for them. */
const TYPE_NAMES: string[] = [
  "int8",
  "BigInt",
  "bigint",
  "BigInt",
  "int4",
  "Int",
  "int",
  "Int",
  "integer",
  "Int",
  "int2",
  "SmallInt",
  "smallint",
  "SmallInt",
  "bool",
  "Bool",
  "boolean",
  "Bool",
  "bytes",
  "Bytes",
  "bytea",
  "Bytes",
  "char",
  "Char",
  "text",
  "Text",
  "float4",
  "Float",
  "float",
  "Float",
  "real",
  "Float",
  "float8",
  "DoublePrecision",
  "double precision",
  "DoublePrecision",
  "doubleprecision",
  "DoublePrecision",
  "decimal",
  "Numeric",
  "numeric",
  "Numeric",
  "date",
  "Date",
  "time",
  "Time",
  "timestamp",
  "Timestamp",
  "json",
  "Json",
  "jsonb",
  "Json",
  "uuid",
  "Uuid",
];

/** A column: where its value comes from and what its row begins and ends with. */
export class Column {
  key: string = "";
  path: JsonPath = new JsonPath("$");
  /** `{"column":"…","raw_value":` */
  head: Buffer = new Buffer();
  /** `,"type":"…"}` */
  tail: Buffer = new Buffer();
  hasDefault: bool = false;
  default: Buffer = new Buffer();
  required: bool = false;
}

/** What turns a record into a row: the parameter `mapping`. */
export class Mapping {
  /** Empty, or what is wrong with it. */
  error: string = "";
  columns: Array<Column> = [];
  /** `{"Insert":{"table":"…","values":[` */
  head: Buffer = new Buffer();
  /** What follows the values. */
  tail: Buffer = new Buffer();
  private table: string = "";
  private hasTable: bool = false;
  private operation: string = "insert";
  private unique: string[] = [];
  private uniqueIndex: string = "";
  private source: Buffer;

  constructor(text: string) {
    this.source = new Buffer().text(text);
    const ptr = this.source.ptr;
    const end = ptr + <usize>this.source.length;
    const problem = malformed(ptr, this.source.length);
    if (problem.length > 0) this.error = problem;
    else if (load<u8>(skipSpace(ptr, end)) !== 0x7b) this.error = "it is no JSON object";
    else this.read(new Members(skipSpace(ptr, end), end));
    if (this.error.length === 0 && !this.hasTable) this.error = "table is missing";
    if (this.error.length === 0 && this.columns.length === 0) this.error = "map-columns is missing or empty";
    if (this.error.length === 0) this.write();
  }

  private read(members: Members): void {
    while (members.next() && this.error.length === 0) {
      const name = nameOf(members);
      if (name === "table") {
        this.table = textOf(members);
        this.hasTable = true;
      } else if (name === "operation") {
        this.operation = textOf(members).toLowerCase();
        if (this.operation !== "insert" && this.operation !== "upsert")
          this.error = `operation is insert or upsert, not ${this.operation}`;
      } else if (name === "unique-columns") this.readUnique(members);
      else if (name === "uniq-idx") this.uniqueIndex = textOf(members);
      else if (name === "map-columns" || name === "columns") {
        if (load<u8>(members.start) !== 0x7b) this.error = `${name} is no JSON object`;
        else this.readColumns(new Members(members.start, members.end));
      } else this.error = `unknown key ${name}: there are table, operation, unique-columns and map-columns`;
    }
  }

  private readUnique(members: Members): void {
    if (load<u8>(members.start) !== 0x5b) this.unique.push(textOf(members));
    else {
      const names = new Members(members.start, members.end);
      while (names.next()) this.unique.push(textOf(names));
    }
  }

  private readColumns(members: Members): void {
    while (members.next() && this.error.length === 0) {
      const name = nameOf(members);
      if (load<u8>(members.start) !== 0x7b) this.error = `column ${name} is no JSON object`;
      else this.readColumn(name, new Members(members.start, members.end));
    }
  }

  private readColumn(name: string, members: Members): void {
    const column = new Column();
    let type = "";
    while (members.next()) {
      const key = nameOf(members);
      if (key === "json-key" || key === "json_key") column.key = textOf(members);
      else if (key === "value" && load<u8>(members.start) === 0x7b)
        type = this.readValue(column, new Members(members.start, members.end));
      else this.error = `column ${name}: unknown key ${key}: there are json-key and value`;
    }
    if (this.error.length > 0) return;
    column.path = new JsonPath(column.key);
    const index = TYPE_NAMES.indexOf(type.toLowerCase());
    if (column.key.length === 0) this.error = `column ${name}: json-key is missing`;
    else if (column.path.error.length > 0) this.error = `column ${name}: json-key is ${column.path.error}`;
    else if (type.length === 0) this.error = `column ${name}: value.type is missing`;
    else if (index < 0 || (index & 1) === 1) this.error = `column ${name}: unknown type ${type}`;
    else {
      quotedText(name, column.head.text('{"column":')).text(',"raw_value":');
      column.tail.text(`,"type":"${TYPE_NAMES[index + 1]}"}`);
      this.columns.push(column);
    }
  }

  /** Reads what a column expects; gives the name of its type. */
  private readValue(column: Column, members: Members): string {
    let type = "";
    while (members.next()) {
      const key = nameOf(members);
      const isNull = load<u8>(members.start) === 0x6e;
      if (key === "type") type = textOf(members);
      else if (key === "default") {
        column.hasDefault = !isNull;
        if (!isNull) plainText(members.start, members.end, column.default);
      } else if (key === "required") column.required = textOf(members) === "true";
      else this.error = `unknown key ${key} of a value: there are type, default and required`;
    }
    return type;
  }

  private write(): void {
    const isUpsert = this.operation === "upsert";
    if (isUpsert && this.unique.length === 0 && this.uniqueIndex.length === 0)
      this.error = "upsert needs unique-columns";
    quotedText(this.table, this.head.text(isUpsert ? '{"Upsert":{"table":' : '{"Insert":{"table":')).text(
      ',"values":[',
    );
    this.tail.byte(0x5d);
    if (isUpsert) {
      const names = this.unique.length > 0 ? this.unique : this.uniqueIndex.split(",");
      this.tail.text(',"id_columns":[');
      for (let i = 0; i < names.length; i++) quotedText(names[i].trim(), i > 0 ? this.tail.byte(0x2c) : this.tail);
      quotedText(this.uniqueIndex.length > 0 ? this.uniqueIndex : names.join(","), this.tail.text('],"uniq_idx":'));
    }
    this.tail.text("}}");
  }
}

function nameOf(members: Members): string {
  return plainText(members.nameStart - 1, members.nameStart + <usize>members.nameLength + 1, new Buffer()).toString();
}

function textOf(members: Members): string {
  return plainText(members.start, members.end, new Buffer()).toString();
}

function quotedText(text: string, out: Buffer): Buffer {
  const bytes = new Buffer().text(text);
  return quoted(bytes.ptr, bytes.length, out);
}
