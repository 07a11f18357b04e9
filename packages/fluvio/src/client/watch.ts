import { flvError, type MetadataOf, watchApi } from "../protocol/index.ts";
import type { Connection } from "../transport/index.ts";
import type { WatchEvent, WatchLabel, WatchOptions } from "./admin-types.ts";

interface WatchBody<L extends WatchLabel> {
  readonly epoch: number;
  readonly all: readonly MetadataOf<L>[];
  readonly changes: readonly { readonly message: "update" | "delete"; readonly object: MetadataOf<L> }[];
}

/** The reports of one watch. The first is a full one even when it is empty; a later empty one says nothing. */
export async function* watchObjects<L extends WatchLabel>(
  connection: Connection,
  label: L,
  options: WatchOptions = {},
): AsyncGenerator<WatchEvent<L>> {
  const { summary = false, signal } = options;
  const replies = connection.stream(
    watchApi,
    { label, body: { epoch: 0, summary } },
    signal === undefined ? {} : { signal },
  );
  let isFirst = true;
  for await (const reply of replies) {
    if (reply.label !== label) {
      throw flvError("FLV_DECODE", `watch of ${label} was answered with objects of another kind`);
    }
    // the label names the kind of the objects
    const body = reply.body as unknown as WatchBody<L>;
    const event = toEvent(body, isFirst);
    isFirst = false;
    if (event !== undefined) yield event;
  }
}

function toEvent<L extends WatchLabel>(body: WatchBody<L>, isFirst: boolean): WatchEvent<L> | undefined {
  const { epoch } = body;
  if (body.all.length > 0 || (isFirst && body.changes.length === 0)) {
    return { kind: "all", epoch, objects: body.all, deleted: [] };
  }
  if (body.changes.length === 0) return undefined;
  const changed = new Map<string, MetadataOf<L> | undefined>();
  for (const { message, object } of body.changes) changed.set(object.name, message === "delete" ? undefined : object);
  const objects: MetadataOf<L>[] = [];
  const deleted: string[] = [];
  for (const [name, object] of changed) {
    if (object === undefined) deleted.push(name);
    else objects.push(object);
  }
  return { kind: "changes", epoch, objects, deleted };
}
