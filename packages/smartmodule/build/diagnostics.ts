import type * as Assembly from "assemblyscript";
import type { BuildWarning } from "./compile.ts";
import type { FoundFunction } from "./exports.ts";
import type { SourceFiles } from "./files.ts";
import { buildError, type Location, locationOf } from "./location.ts";

/** What the compiler says, told about the user's files. */
export class Diagnostics {
  readonly warnings: BuildWarning[] = [];
  private readonly assembly: typeof Assembly;
  private readonly program: Assembly.Program;
  private readonly files: SourceFiles;
  private functions: readonly FoundFunction[] = [];

  constructor(assembly: typeof Assembly, program: Assembly.Program, files: SourceFiles) {
    this.assembly = assembly;
    this.program = program;
    this.files = files;
  }

  /** The functions that errors in generated code are about. */
  attribute(functions: readonly FoundFunction[]): void {
    this.functions = functions;
  }

  /** Takes what the compiler said since the last time; the first error is thrown, with the others behind it. */
  throwErrors(): void {
    const errors: Assembly.DiagnosticMessage[] = [];
    for (;;) {
      const message = this.assembly.nextDiagnostic(this.program);
      if (message === null) break;
      if (this.assembly.isError(message)) errors.push(message);
      else if (this.assembly.isWarning(message)) this.warn(message);
    }
    const [first] = errors;
    if (first === undefined) return;
    const location = this.locate(first);
    throw buildError(
      location ?? { file: "?", line: 1, column: 1 },
      first.message,
      "",
      errors.slice(1).map((e) => {
        const l = this.locate(e);
        return `${l?.file}:${l?.line}:${l?.column} ${e.message}`;
      }),
    );
  }

  private warn(message: Assembly.DiagnosticMessage): void {
    const location = this.locate(message);
    this.warnings.push({
      message: message.message,
      file: location?.file,
      line: location?.line,
      column: location?.column,
    });
  }

  private locate(message: Assembly.DiagnosticMessage): Location | undefined {
    const { range } = message;
    if (range === null) return undefined;
    return locationOf(range, this.files.pathOf(range.source.normalizedPath));
  }
}
