/** An enum variant with content: `{ "computed": … }` in JSON and TOML, `!computed …` in YAML. */
export class Tagged {
  readonly tag: string;
  readonly content: unknown;
  constructor(tag: string, content: unknown) {
    this.tag = tag;
    this.content = content;
  }
  toJSON(): unknown {
    return { [this.tag]: this.content };
  }
}
