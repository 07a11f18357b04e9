import type * as Assembly from "assemblyscript";

/** A compiled program, and what the compiler was at when it said something. */
export interface TracedCompilation {
  readonly module: Assembly.Module;
  /** The expression outside of libraries that a message is about: where the user's code, or the entry, went into them. */
  cause(message: Assembly.DiagnosticMessage): Assembly.Range | undefined;
}

/**
 * Compiles a program. The compiler places a message where it arises, for a wrong type often deep in a library that the
 * user never saw; here the expressions that it is in are kept, so that the message can be told about the user's own.
 */
export function compileTraced(assembly: typeof Assembly, program: Assembly.Program): TracedCompilation {
  const under: Assembly.Range[] = [];
  const causes = new WeakMap<Assembly.DiagnosticMessage, Assembly.Range>();

  class TracedCompiler extends assembly.Compiler {
    override compileExpression(...parameters: Parameters<Assembly.Compiler["compileExpression"]>): number {
      under.push(parameters[0].range);
      const compiled = super.compileExpression(...parameters);
      under.pop();
      return compiled;
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
  return { module: compiler.compile(), cause: (message) => causes.get(message) };
}
