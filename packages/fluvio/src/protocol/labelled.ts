import { flvError } from "./errors.ts";
import type { AnyCodec, Codec, Infer, InputOf } from "./schema.ts";

type AnyBodies = Readonly<Record<string, AnyCodec>>;

/** What stands for an object of a type we do not know. Its body is skipped. */
export interface UnknownLabel {
  readonly label: "unknown";
  readonly unknownLabel: string;
  readonly body: undefined;
}

export type LabelledOutput<B extends AnyBodies> =
  | { [K in keyof B]: { readonly label: K; readonly body: Infer<B[K]> } }[keyof B]
  | UnknownLabel;

export type LabelledInput<B extends AnyBodies> = {
  [K in keyof B]: { readonly label: K; readonly body: InputOf<B[K]> };
}[keyof B];

/** From this version on a label is followed by the length of the body. */
const LENGTH_SINCE = 11;

/**
 * A typed object behind its label: label, `u32` length of the body, body. Values are `{ label, body }`. A label that is
 * not known decodes to {@link UnknownLabel}, so that a server can name it in its answer.
 */
export function labelled<const B extends AnyBodies>(
  name: string,
  bodies: B,
): Codec<LabelledOutput<B>, LabelledInput<B>> {
  return {
    read: (r, version) => {
      const label = r.string();
      const codec = Object.hasOwn(bodies, label) ? bodies[label] : undefined;
      const length = version >= LENGTH_SINCE ? r.u32() : r.remaining;
      const body: unknown = r.within(length, `the body of ${name} "${label}"`, () => codec?.read(r, version));
      if (codec === undefined) return { label: "unknown", unknownLabel: label, body: undefined };
      return { label, body } as LabelledOutput<B>;
    },
    write: (w, value, version) => {
      const label = value.label as string;
      const codec = bodies[label];
      if (codec === undefined) throw flvError("FLV_ENCODE", `${name} has no object "${label}"`);
      w.string(label);
      if (version < LENGTH_SINCE) return codec.write(w, value.body, version);
      const prefix = w.lengthPrefix();
      codec.write(w, value.body, version);
      w.endLength(prefix);
    },
    empty: () => ({ label: "unknown", unknownLabel: "", body: undefined }),
    shape: { kind: "labelled", name, bodies },
  };
}
