import type { Logger } from "../../protocol/index.ts";
import type { SmartEngine } from "../../smartengine/index.ts";
import type { FlushMode, StorageEngine } from "../../storage/index.ts";
import type { ServeOptions } from "../../transport/index.ts";
import type { Clock } from "../clock.ts";
import type { SpuEnd } from "../link.ts";
import type { SpuLimits } from "./limits.ts";

export interface SpuOptions {
  /** SPU id, as the SC knows it. */
  readonly id: number;
  /** The SPU's end of its link; the SPU says `hello` on it once it listens, and closes it when it is closed. */
  readonly link: SpuEnd;
  /** Where the partitions live; whoever made it disposes it, after the SPU. */
  readonly storage: StorageEngine;
  /** Runs SmartModules; whoever made it disposes it, after the SPU. */
  readonly engine: SmartEngine;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Default silent. */
  readonly logger?: Logger;
  /** When appends are acknowledged. Default `always`. */
  readonly flush?: FlushMode;
  /** Default the system's. */
  readonly clock?: Clock;
  readonly limits?: Partial<SpuLimits>;
  /** How often retention is enforced. Default 60 000. */
  readonly retentionCheckMs?: number;
  readonly maxFrameBytes?: number;
  readonly tls?: NonNullable<ServeOptions["tls"]>;
}

/** A running SPU. Closing drains: appends in flight are acknowledged, then every connection and partition is closed. */
export interface Spu extends AsyncDisposable {
  readonly id: number;
  /** The port it listens on. */
  readonly port: number;
  readonly connectionCount: number;
  /** Resolves when it is closed, whoever asked for it (the SC's `shutdown`, the end of the link, {@link Spu.close}). */
  readonly closed: Promise<void>;
  close(drainMs?: number): Promise<void>;
}
