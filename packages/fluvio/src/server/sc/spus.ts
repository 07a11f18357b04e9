import type { CustomSpuKey, CustomSpuSpec, MetadataOf, SpuSpec, StatusInput } from "../../protocol/index.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { didYouMean, objectNameProblem } from "./names.ts";
import { okStatus, refusal } from "./refusal.ts";
import type { ScContext } from "./stores.ts";

/** Name of an SPU object that nobody named. */
export function spuName(id: number): string {
  return `custom-spu-${id}`;
}

export interface OwnSpus {
  /** Ids of the SPUs that this cluster runs. */
  readonly ids: readonly number[];
  /** Host by which clients reach them. */
  readonly publicHost: string;
}

/** The SPU objects: those the cluster runs, whose ports come with their hello, and those users registered. */
export class SpuRegistry {
  readonly #context: ScContext;
  readonly #own: OwnSpus;
  readonly #mutex = new KeyedMutex();

  constructor(context: ScContext, own: OwnSpus) {
    this.#context = context;
    this.#own = own;
    const registered = context.metadata
      .load("CustomSpu")
      .filter(({ name, spec }) => !own.ids.includes(spec.id) && !own.ids.some((id) => spuName(id) === name));
    context.stores.spus.put(
      ...own.ids.map((id) => this.#ownObject(id, 0, "init")),
      ...registered.map(({ name, spec }) => ({ name, spec: toSpuSpec(spec), status: { resolution: "init" as const } })),
    );
  }

  /** SPUs that partitions can be placed on. */
  get placeable(): { readonly known: readonly number[]; readonly online: readonly number[] } {
    const all = [...this.#context.stores.spus.values()];
    const isOnline = ({ spec, status }: MetadataOf<"SPU">) =>
      this.#own.ids.includes(spec.id) && status.resolution === "online";
    return { known: all.map(({ spec }) => spec.id), online: all.filter(isOnline).map(({ spec }) => spec.id) };
  }

  isOwn(spuId: number): boolean {
    return this.#own.ids.includes(spuId);
  }

  online(spuId: number, publicPort: number): void {
    this.#context.stores.spus.put(this.#ownObject(spuId, publicPort, "online"));
  }

  offline(spuId: number): void {
    const object = this.#context.stores.spus.get(spuName(spuId));
    if (object !== undefined) this.#context.stores.spus.put({ ...object, status: { resolution: "offline" } });
  }

  register(name: string, spec: CustomSpuSpec, dryRun: boolean): Promise<StatusInput> {
    return this.#mutex.run("spus", async () => {
      const problem = objectNameProblem("SPU", name);
      if (problem !== undefined) throw refusal({ name: "InvalidCreateRequest" }, problem);
      for (const other of this.#context.stores.spus.values()) {
        if (other.name !== name && other.spec.id !== spec.id) continue;
        const what = other.name === name ? `the name ${name}` : `the id ${spec.id}`;
        throw refusal(
          { name: "SpuAlreadyExists" },
          `SPU already exists: ${other.name} (id ${other.spec.id}) has ${what}. Choose another one`,
        );
      }
      if (spec.id < 0)
        throw refusal({ name: "InvalidCreateRequest" }, `Invalid SPU id ${spec.id}: it must not be negative`);
      if (dryRun) return okStatus("");
      const status = { resolution: "init" as const };
      await this.#context.metadata.commit([{ type: "put", label: "CustomSpu", object: { name, spec, status } }]);
      this.#context.stores.spus.put({ name, spec: toSpuSpec(spec), status });
      return okStatus(name);
    });
  }

  unregister(key: CustomSpuKey): Promise<StatusInput> {
    return this.#mutex.run("spus", async () => {
      const asked = key.type === "name" ? key.name : spuName(key.id);
      const found = this.#find(key);
      if (found === undefined) {
        const suggestion = didYouMean(asked, this.#context.stores.spus.names());
        throw refusal(
          { name: "SpuNotFound" },
          `SPU not found: ${asked}.${suggestion} List the SPUs with \`fluvio cluster spu list\``,
          {
            name: asked,
          },
        );
      }
      if (this.isOwn(found.spec.id)) {
        const sentence = `SPU ${found.name} is run by this cluster and cannot be unregistered: start the cluster with fewer SPUs instead`;
        throw refusal({ name: "SpuError" }, sentence, { name: found.name });
      }
      await this.#context.metadata.commit([{ type: "delete", label: "CustomSpu", name: found.name }]);
      this.#context.stores.spus.delete(found.name);
      return okStatus(found.name);
    });
  }

  /** The custom SPUs, as objects of that type. */
  customSpus(): readonly MetadataOf<"CustomSpu">[] {
    return [...this.#context.stores.spus.values()].map(({ name, spec: { spuType: _, ...spec }, status }) => ({
      name,
      spec,
      status,
    }));
  }

  #find(key: CustomSpuKey): MetadataOf<"SPU"> | undefined {
    if (key.type === "name") return this.#context.stores.spus.get(key.name);
    for (const object of this.#context.stores.spus.values()) if (object.spec.id === key.id) return object;
    return undefined;
  }

  /** As the original's local clusters have them: of the custom type, with the private port after the public one. */
  #ownObject(id: number, port: number, resolution: "init" | "online"): MetadataOf<"SPU"> {
    const host = this.#own.publicHost;
    const spec: SpuSpec = {
      id,
      spuType: "custom",
      publicEndpoint: { port, ingress: [{ hostname: host, ip: undefined }], encryption: "plaintext" },
      privateEndpoint: { port: port === 0 ? 0 : (port + 1) & 0xffff, host, encryption: "plaintext" },
      rack: undefined,
      publicEndpointLocal: undefined,
    };
    return { name: spuName(id), spec, status: { resolution } };
  }
}

function toSpuSpec(spec: CustomSpuSpec): SpuSpec {
  return { ...spec, spuType: "custom" };
}
