import type { Codec, Infer, InputOf } from "../schema.ts";
import { array, enumeration, i32, optional, since, string, struct, u16, unknownTag } from "../schema.ts";

const Encryption = enumeration("EncryptionEnum", "plaintext", "ssl");

/** A public address: the port, and the host names or addresses it is reached by. */
export const IngressPort = struct({
  port: u16,
  ingress: array(struct({ hostname: optional(string), ip: optional(string) })),
  encryption: Encryption,
});
export type IngressPort = Infer<typeof IngressPort>;

export const Endpoint = struct({ port: u16, host: string, encryption: Encryption });
export type Endpoint = Infer<typeof Endpoint>;

export const SpuSpec = struct({
  id: i32,
  spuType: enumeration("SpuType", "managed", "custom"),
  publicEndpoint: IngressPort,
  privateEndpoint: Endpoint,
  rack: optional(string),
  publicEndpointLocal: since(1, optional(Endpoint)),
});
export type SpuSpec = Infer<typeof SpuSpec>;
export type SpuSpecInput = InputOf<typeof SpuSpec>;

export const SpuStatus = struct({ resolution: enumeration("SpuStatusResolution", "online", "offline", "init") });
export type SpuStatus = Infer<typeof SpuStatus>;

export const CustomSpuSpec = struct({
  id: i32,
  publicEndpoint: IngressPort,
  privateEndpoint: Endpoint,
  rack: optional(string),
  publicEndpointLocal: optional(Endpoint),
});
export type CustomSpuSpec = Infer<typeof CustomSpuSpec>;
export type CustomSpuSpecInput = InputOf<typeof CustomSpuSpec>;

/** A custom SPU is deleted by its name or by its id; the only tag of the protocol that is a string. */
export type CustomSpuKey =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "id"; readonly id: number };
export const CustomSpuKey: Codec<CustomSpuKey> = {
  read: (r, version) => {
    const position = r.pos;
    const tag = r.string();
    if (tag === "Name") return { type: "name", name: r.string() };
    if (tag === "Id") return { type: "id", id: i32.read(r, version) };
    throw unknownTag("CustomSpuKey", tag, position);
  },
  write: (w, key, version) => {
    w.string(key.type === "name" ? "Name" : "Id");
    if (key.type === "name") w.string(key.name);
    else i32.write(w, key.id, version);
  },
  empty: () => ({ type: "name", name: "" }),
  shape: { kind: "special", name: "CustomSpuKey", text: '`str` "Name" + `str`, or `str` "Id" + `i32`' },
};
