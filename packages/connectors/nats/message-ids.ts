import type { SinkRecord } from "fluvio/connector";
import type { Filled, Template } from "../shared/template.ts";

/**
 * Ids of messages by which a stream drops repetitions. A SmartModule may make several records of one, which share its
 * offset: they are numbered, in the same way every time.
 */
export class MessageIds {
  readonly #template: Template;
  /** A repeated write has the same record objects. */
  readonly #known = new WeakMap<SinkRecord, number>();
  readonly #last = new Map<number, { readonly offset: number; readonly index: number }>();

  constructor(template: Template) {
    this.#template = template;
  }

  of(record: SinkRecord): Filled {
    const filled = this.#template.fill(record);
    if ("missing" in filled) return filled;
    const index = this.#indexOf(record);
    return index === 0 ? filled : { text: `${filled.text}.${index}` };
  }

  #indexOf(record: SinkRecord): number {
    const known = this.#known.get(record);
    if (known !== undefined) return known;
    const last = this.#last.get(record.partition);
    const index = last?.offset === record.offset ? last.index + 1 : 0;
    this.#last.set(record.partition, { offset: record.offset, index });
    this.#known.set(record, index);
    return index;
  }
}
