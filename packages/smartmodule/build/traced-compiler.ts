import type * as Assembly from "assemblyscript";

/** A compiled program, and what the compiler was at when it said something. */
export interface TracedCompilation {
  readonly module: Assembly.Module;
  /** The expression outside of libraries that a message is about: where the user's code, or the entry, went into them. */
  cause(message: Assembly.DiagnosticMessage): Assembly.Range | undefined;
  /** The throw statements outside of libraries that are part of the program. */
  readonly thrown: readonly Assembly.Range[];
}

type CauseOf = TracedCompilation["cause"];

/** The compiler itself failed, at an expression outside of libraries if it is known. */
export class CompilerFailure extends Error {
  readonly range: Assembly.Range | undefined;
  readonly causeOf: CauseOf;
  readonly reason: string;

  constructor(range: Assembly.Range | undefined, causeOf: CauseOf, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`the compiler failed: ${reason}`, { cause });
    this.range = range;
    this.causeOf = causeOf;
    this.reason = reason;
  }
}

/**
 * Compiles a program. The compiler places a message where it arises, for a wrong type often deep in a library that the
 * user never saw; here the expressions that it is in are kept, so that the message can be told about the user's own.
 * @throws CompilerFailure
 */
export function compileTraced(assembly: typeof Assembly, program: Assembly.Program): TracedCompilation {
  const under: Assembly.Range[] = [];
  const thrown = new Set<Assembly.Range>();
  const causes = new WeakMap<Assembly.DiagnosticMessage, Assembly.Range>();

  class TracedCompiler extends assembly.Compiler {
    override compileExpression(...parameters: Parameters<Assembly.Compiler["compileExpression"]>): number {
      under.push(parameters[0].range);
      const compiled = super.compileExpression(...parameters);
      under.pop();
      return compiled;
    }

    override compileStatement(...parameters: Parameters<Assembly.Compiler["compileStatement"]>): number {
      const [statement] = parameters;
      const isOfUser = !statement.range.source.isLibrary;
      if (isOfUser && statement instanceof assembly.ThrowStatement) thrown.add(statement.range);
      return super.compileStatement(...parameters);
    }
  }

  const compiler = new TracedCompiler(program);
  const { diagnostics } = program;
  const push = diagnostics.push.bind(diagnostics);
  diagnostics.push = (...messages) => {
    const cause = under.findLast((range) => !range.source.isLibrary);
    for (const message of messages) if (cause !== undefined) causes.set(message, cause);
    return push(...messages);
  };
  const cause = (message: Assembly.DiagnosticMessage) => causes.get(message);
  try {
    return { module: compiler.compile(), cause, thrown: [...thrown] };
  } catch (error) {
    const range = under.findLast((candidate) => !candidate.source.isLibrary);
    throw new CompilerFailure(range, cause, error);
  }
}
