import { api } from "../../api.ts";
import type { Reader, Writer } from "../../cursor.ts";
import { flvError } from "../../errors.ts";
import { type LabelledInput, type LabelledOutput, labelled } from "../../labelled.ts";
import { ManagedConnectorSpec } from "../../objects/managed-connector.ts";
import { MirrorSpec } from "../../objects/mirror.ts";
import { SmartModuleSpec } from "../../objects/smartmodule.ts";
import { CustomSpuSpec } from "../../objects/spu.ts";
import { SpuGroupSpec } from "../../objects/spu-group.ts";
import { TableFormatSpec } from "../../objects/table-format.ts";
import { TopicSpec } from "../../objects/topic.ts";
import type { Codec } from "../../schema.ts";
import { bool, optional, since, string, struct, u32, unknownTag } from "../../schema.ts";
import { Status } from "./status.ts";

const COMMON = { name: string, dryRun: bool, timeoutMs: since(7, optional(u32)) } as const;

function createBody<S, SI>(spec: Codec<S, SI>) {
  return struct({ ...COMMON, spec });
}

const SPECS = {
  Topic: TopicSpec,
  CustomSpu: CustomSpuSpec,
  SpuGroup: SpuGroupSpec,
  SmartModule: SmartModuleSpec,
  TableFormat: TableFormatSpec,
  Mirror: MirrorSpec,
} as const;

const BODIES = {
  Topic: createBody(TopicSpec),
  CustomSpu: createBody(CustomSpuSpec),
  SpuGroup: createBody(SpuGroupSpec),
  SmartModule: createBody(SmartModuleSpec),
  TableFormat: createBody(TableFormatSpec),
  Mirror: createBody(MirrorSpec),
  ManagedConnector: createBody(ManagedConnectorSpec),
} as const;

/** Before the label there was a number, between the common part and the spec. */
const OLD_TAGS = { Topic: 0, CustomSpu: 1, SpuGroup: 2, SmartModule: 4, TableFormat: 5, Mirror: 6 } as const;
const LABEL_SINCE = 11;

const CURRENT = labelled("CreateRequest", BODIES);
const OldCommon = struct(COMMON);

export type CreateRequest = LabelledOutput<typeof BODIES>;
export type CreateRequestInput = LabelledInput<typeof BODIES>;
export const CreateRequest: Codec<CreateRequest, CreateRequestInput> = {
  ...CURRENT,
  read: (r, version) => (version >= LABEL_SINCE ? CURRENT.read(r, version) : readOld(r, version)),
  write: (w, value, version) => {
    if (version >= LABEL_SINCE) CURRENT.write(w, value, version);
    else writeOld(w, value, version);
  },
};

type OldLabel = keyof typeof SPECS;

function readOld(r: Reader, version: number): CreateRequest {
  const common = OldCommon.read(r, version);
  const tag = r.u8();
  const label = (Object.keys(OLD_TAGS) as OldLabel[]).find((name) => OLD_TAGS[name] === tag);
  if (label === undefined) throw unknownTag("object type", tag, r.pos - 1);
  const spec = SPECS[label].read(r, version);
  return { label, body: { ...common, spec } } as CreateRequest;
}

function writeOld(w: Writer, value: CreateRequestInput, version: number): void {
  if (!(value.label in OLD_TAGS)) throw flvError("FLV_ENCODE", `version ${version} has no object "${value.label}"`);
  const label = value.label as OldLabel;
  OldCommon.write(w, value.body, version);
  w.u8(OLD_TAGS[label]);
  const spec = SPECS[label] as Codec<unknown, unknown>;
  spec.write(w, value.body.spec, version);
}

/** Creates an object; the answer comes when it is there (a topic: when all its partitions are online). */
export const createApi = api({
  name: "Create",
  key: 1001,
  minVersion: 9,
  maxVersion: 19,
  request: CreateRequest,
  response: Status,
});
