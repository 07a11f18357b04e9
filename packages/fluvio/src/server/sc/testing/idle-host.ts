import type {
  ApplyOptions,
  ConnectorCounters,
  ConnectorHost,
  ConnectorStatus,
  SecretLookup,
} from "../connector-host.ts";

/** A host that runs nothing and remembers what it was told. */
export class IdleHost implements ConnectorHost {
  /** Configurations that it runs, by name; of those that are paused `paused`. */
  readonly running = new Map<string, string>();
  /** Actions besides, such as `restart cats`. */
  readonly told: string[] = [];
  readonly secretUsers = new Map<string, readonly string[]>();
  known: readonly ConnectorCounters[] = [];
  lookup: SecretLookup = async () => undefined;
  #listener: (name: string, status: ConnectorStatus) => void = () => {};

  async validate(config: Uint8Array): Promise<Uint8Array> {
    const { secrets = {}, ...rest } = JSON.parse(new TextDecoder().decode(config)) as Record<string, object>;
    if (Object.keys(secrets).length === 0) return config;
    const hidden = Object.fromEntries(Object.keys(secrets).map((name) => [name, "[REDACTED]"]));
    return new TextEncoder().encode(JSON.stringify({ ...rest, secrets: hidden }));
  }
  useSecrets(lookup: SecretLookup): void {
    this.lookup = lookup;
  }
  apply(name: string, config: Uint8Array, { isPaused = false }: ApplyOptions = {}): void {
    this.running.set(name, isPaused ? "paused" : new TextDecoder().decode(config));
  }
  async settled(name: string): Promise<void> {
    this.told.push(`settled ${name}`);
  }
  restart(name: string): void {
    this.told.push(`restart ${name}`);
  }
  async forget(name: string): Promise<void> {
    this.told.push(`forget ${name}`);
  }
  async remove(name: string): Promise<void> {
    this.running.delete(name);
  }
  status(): undefined {}
  counters(): readonly ConnectorCounters[] {
    return this.known;
  }
  usersOfSecret(name: string): readonly string[] {
    return this.secretUsers.get(name) ?? [];
  }
  onStatus(listener: (name: string, status: ConnectorStatus) => void): void {
    this.#listener = listener;
  }
  async *readLog(_name: string, _options: Parameters<ConnectorHost["readLog"]>[1]): AsyncIterable<Uint8Array> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  say(name: string, status: Partial<ConnectorStatus>): void {
    this.#listener(name, { resolution: "running", reason: "", processId: 7, restarts: 0, ...status });
  }
}
