import fc from "fast-check";
import type { AnyCodec } from "../codec.ts";
import { CustomSpuKey, ErrorCode, ProduceIsolation, SmartModuleSpec, WIRE_ERRORS } from "../index.ts";

const TEXT = fc.string({ unit: "binary", maxLength: 12 });
const RAW = fc.uint8Array({ maxLength: 40 });
const ITEMS_MAX = 3;

/** Values that a codec can encode, made from its shape. */
export function arbitraryOf(codec: AnyCodec): fc.Arbitrary<unknown> {
  const { shape } = codec;
  switch (shape.kind) {
    case "integer":
      return shape.max > 0xffffffff
        ? fc.maxSafeInteger().filter((value) => value >= shape.min)
        : fc.integer({ min: shape.min, max: shape.max });
    case "bool":
      return fc.boolean();
    case "string":
      return TEXT;
    case "bytes":
      return RAW;
    case "optional":
      return fc.option(arbitraryOf(shape.inner), { nil: undefined });
    case "array":
      return fc.array(arbitraryOf(shape.inner), { maxLength: ITEMS_MAX });
    case "map":
      return fc
        .array(fc.tuple(arbitraryOf(shape.key), arbitraryOf(shape.value)), { maxLength: ITEMS_MAX })
        .map((entries) => new Map(entries));
    case "enumeration":
      return fc.constantFrom(...shape.values);
    case "versioned":
      return arbitraryOf(shape.inner);
    case "struct":
      return fc.record(Object.fromEntries(shape.fields.map(([name, field]) => [name, arbitraryOf(field)])));
    case "union":
      return fc.oneof(...shape.variants.map(({ type, content }) => tagged("type", type, content)));
    case "labelled":
      return fc.oneof(
        ...Object.entries(shape.bodies).map(([label, body]) =>
          fc.record({ label: fc.constant(label), body: arbitraryOf(body) }),
        ),
      );
    case "special":
      return specialArbitrary(codec);
  }
}

function tagged(property: string, name: string, content: AnyCodec): fc.Arbitrary<unknown> {
  return arbitraryOf(content).map((fields) => ({ [property]: name, ...(fields as object) }));
}

function specialArbitrary(codec: AnyCodec): fc.Arbitrary<unknown> {
  if (codec === ErrorCode) {
    return fc.oneof(...Object.entries(WIRE_ERRORS).map(([name, { payload }]) => tagged("name", name, payload)));
  }
  if (codec === CustomSpuKey) {
    return fc.oneof(
      fc.record({ type: fc.constant("name"), name: TEXT }),
      fc.record({ type: fc.constant("id"), id: fc.integer({ min: -0x80000000, max: 0x7fffffff }) }),
    );
  }
  if (codec === ProduceIsolation) return fc.constantFrom("readCommitted", "readUncommitted");
  return fc.nat(0x7fffffff); // TimeoutMs
}

/** What decoding must give back for `value` at `version`: fields that the version does not carry are empty. */
export function projection(codec: AnyCodec, value: unknown, version: number): unknown {
  const { shape } = codec;
  switch (shape.kind) {
    case "versioned":
      return version >= shape.from && version <= shape.to ? projection(shape.inner, value, version) : codec.empty();
    case "optional":
      return value === undefined ? undefined : projection(shape.inner, value, version);
    case "array":
      return (value as unknown[]).map((item) => projection(shape.inner, item, version));
    case "map":
      return new Map([...(value as Map<unknown, unknown>)].map(([k, v]) => [k, projection(shape.value, v, version)]));
    case "struct": {
      const fields = value as Record<string, unknown>;
      const kept = Object.fromEntries(
        shape.fields.map(([name, field]) => [name, projection(field, fields[name], version)]),
      );
      return codec === SmartModuleSpec && version < 10 ? { ...kept, meta: undefined, summary: undefined } : kept;
    }
    case "union": {
      const { type, ...fields } = value as { type: string };
      const variant = shape.variants.find((candidate) => candidate.type === type)!;
      return { type, ...(projection(variant.content, fields, version) as object) };
    }
    case "labelled": {
      const { label, body } = value as { label: string; body: unknown };
      return { label, body: projection(shape.bodies[label]!, body, version) };
    }
    default:
      return value;
  }
}
