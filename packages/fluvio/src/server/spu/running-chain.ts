import type { ChainState, ProcessInput, ProcessOutput, SmartChain } from "../../smartengine/index.ts";
import { type LoadedStep, type PlannedStep, requestedName } from "./chain-steps.ts";

/** What is known of a chain besides its engine's part. */
export interface RunningChainParts {
  /** Names it in reports, such as `stream 3 of orders-0`. */
  readonly label: string;
  readonly plan: readonly PlannedStep[];
  readonly steps: readonly LoadedStep[];
  /** Where the history that its modules were shown ends. */
  readonly historyEnd: number;
  load(): Promise<readonly LoadedStep[]>;
  /** Makes of the chain's steps others, which are shown what is stored before `historyEnd` when they look back. */
  replace(chain: SmartChain, steps: readonly LoadedStep[], historyEnd: () => number): Promise<void>;
  closed(chain: RunningChain): void;
}

/** The chain of a stream, whose stored modules can be given new code while it runs. */
export class RunningChain implements AsyncDisposable {
  private readonly chain: SmartChain;
  private readonly parts: RunningChainParts;
  private steps: readonly LoadedStep[];
  /** Offset up to which records were worked off; before the first, where history ended. */
  private position: number;
  private switching: Promise<void> = Promise.resolve();
  private disposal: Promise<void> | undefined;

  constructor(chain: SmartChain, parts: RunningChainParts) {
    this.chain = chain;
    this.parts = parts;
    this.steps = parts.steps;
    this.position = parts.historyEnd;
  }

  get label(): string {
    return this.parts.label;
  }

  get plan(): readonly PlannedStep[] {
    return this.parts.plan;
  }

  /** Names that it asks the cluster for. */
  get requestedNames(): readonly string[] {
    return this.parts.plan.flatMap((planned) => requestedName(planned) ?? []);
  }

  /** Keys of the stored modules whose code it runs. */
  get storedNames(): readonly string[] {
    return this.steps.flatMap(({ storedName }) => (storedName === undefined ? [] : [storedName]));
  }

  /** @throws what {@link SmartChain.process} throws */
  async process(input: ProcessInput): Promise<ProcessOutput> {
    const output = await this.chain.process(input);
    this.position = output.nextOffset;
    return output;
  }

  /** State of the aggregates, by index of the step. */
  state(): Promise<ChainState> {
    return this.chain.state();
  }

  /**
   * Goes on with the code that is stored now, from the next call on: aggregates keep their accumulators, modules that
   * look back see history again. When the new code cannot be run it goes on with the code it has.
   * @throws why it cannot
   */
  switchCode(): Promise<void> {
    const turn = this.switching.then(() => this.takeOver());
    this.switching = turn.catch(() => {});
    return turn;
  }

  private async takeOver(): Promise<void> {
    const steps = await this.parts.load();
    await this.parts.replace(this.chain, steps, () => this.position);
    this.steps = steps;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposal ??= (async () => {
      this.parts.closed(this);
      await this.chain[Symbol.asyncDispose]();
    })();
    return this.disposal;
  }
}
