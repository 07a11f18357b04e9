import type * as Assembly from "assemblyscript";
import type { FluvioError } from "fluvio/protocol";
import type { BuildWarning } from "./compile.ts";
import { ENTRY_NAME } from "./entry.ts";
import type { FoundFunction } from "./exports.ts";
import type { SourceFiles } from "./files.ts";
import { buildError, type Location, locationOf } from "./location.ts";
import { type Explained, explain, explainImport, explainSyntax } from "./phrases.ts";
import { CompilerFailure } from "./traced-compiler.ts";

const LIBRARY = "~lib/";
const WASI = "wasi_snapshot_preview1";
/** Errors that are told at most, beside the first. */
const MORE_MAX = 9;

type Message = Assembly.DiagnosticMessage;

interface Told {
  readonly location: Location;
  readonly message: string;
  readonly hint: string;
}

/** What the compiler says, told about the user's files in words that a newcomer understands. */
export class Diagnostics {
  readonly warnings: BuildWarning[] = [];
  private readonly assembly: typeof Assembly;
  private readonly program: Assembly.Program;
  private readonly files: SourceFiles;
  private functions: readonly FoundFunction[] = [];
  private readonly entry: string;

  /** @param entry path of the user's file */
  constructor(assembly: typeof Assembly, program: Assembly.Program, files: SourceFiles, entry: string) {
    this.assembly = assembly;
    this.program = program;
    this.files = files;
    this.entry = entry;
  }

  /** The functions that messages about the generated entry are about. */
  attribute(functions: readonly FoundFunction[]): void {
    this.functions = functions;
  }

  /**
   * Takes what the compiler said since the last time.
   * @param causeOf the expression of the user's, or of the entry, that led to a message in a library
   * @throws FLV_SMARTMODULE_BUILD when there is an error: the first, with the others behind it
   */
  throwErrors(causeOf: (message: Message) => Assembly.Range | undefined = () => undefined): void {
    const errors: Told[] = [];
    for (;;) {
      const message = this.assembly.nextDiagnostic(this.program);
      if (message === null) break;
      if (this.assembly.isError(message)) errors.push(this.tell(message, causeOf(message)));
      else if (this.assembly.isWarning(message)) this.warn(message);
    }
    const [first, ...others] = distinct(errors);
    if (first === undefined) return;
    const more = others.slice(0, MORE_MAX).map(({ location, message }) => {
      return `${location.file}:${location.line}:${location.column}: ${message}`;
    });
    if (others.length > MORE_MAX) more.push(`and ${others.length - MORE_MAX} more`);
    throw buildError(first.location, first.message, first.hint, more);
  }

  /**
   * Refuses imports that no host of SmartModules has.
   * @throws FLV_SMARTMODULE_BUILD at the place in the user's sources that needs one
   */
  checkImports(wasm: Uint8Array): void {
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(wasm));
    const unknown = imports.find(
      ({ module, name }) => module !== WASI && !(module === "env" && name === "copy_records"),
    );
    if (unknown === undefined) return;
    for (const source of this.program.sources) {
      const found = this.isOfUser(source) ? explainImport(unknown.name, source.text) : undefined;
      if (found === undefined) continue;
      const line = source.lineAt(found.at);
      const location = { file: this.files.pathOf(source.normalizedPath), line, column: source.columnAt() };
      throw buildError(location, found.message, found.hint);
    }
    throw buildError(
      { file: this.entry, line: 1, column: 1 },
      `it needs ${unknown.module}.${unknown.name}, which no host of SmartModules has`,
      "Something that it imports asks the host for it: leave that out",
    );
  }

  /**
   * Runs a part of the compiler that may end by an exception.
   * @throws FLV_SMARTMODULE_BUILD where it was in the user's sources, as far as that is known
   */
  attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      // what it said before is nearer to the cause
      this.throwErrors(error instanceof CompilerFailure ? error.causeOf : undefined);
      if (error instanceof CompilerFailure) {
        const location = error.range === undefined ? this.start() : this.locate(error.range);
        const { text, hint } = explain(error.reason);
        if (hint !== "") throw buildError(location, text, hint);
        throw buildError(location, error.message, "Write this in simpler statements");
      }
      throw this.undecorated(error instanceof Error ? error.message : String(error));
    }
  }

  /** What json-as throws names a class, but no place. */
  private undecorated(message: string): FluvioError {
    const name = /^Class (\w+) is missing an @json/.exec(message)?.[1];
    for (const source of name === undefined ? [] : this.program.sources) {
      if (!this.isOfUser(source)) continue;
      const at = new RegExp(`\\bclass\\s+${name}\\b`).exec(source.text)?.index;
      if (at === undefined) continue;
      const line = source.lineAt(at);
      const location = { file: this.files.pathOf(source.normalizedPath), line, column: source.columnAt() };
      return buildError(
        location,
        `${name} is part of a class marked @json, and is not marked itself`,
        `Write @json above class ${name}`,
      );
    }
    return buildError(this.start(), message, "Only classes marked @json, and fields of such types, are read as JSON");
  }

  private start(): Location {
    return { file: this.entry, line: 1, column: 1 };
  }

  /** Warns of what is thrown: it ends the module, and nobody hears why. */
  warnOfThrows(ranges: readonly Assembly.Range[]): void {
    const message =
      'what is thrown here ends the whole batch and loses its message: report an error by return fail<…>("…")';
    for (const range of ranges) {
      // json-as writes functions into classes: they are of sources of their own
      const isWritten = this.isOfUser(range.source) && this.program.sources.includes(range.source);
      if (isWritten) this.warnings.push({ message, ...this.locate(range) });
    }
  }

  private tell(message: Message, cause: Assembly.Range | undefined): Told {
    const range = message.range !== null && !message.range.source.isLibrary ? message.range : (cause ?? message.range);
    const { text, hint } = syntaxOf(range) ?? explain(message.message);
    if (range === null) return { location: { file: this.entry, line: 1, column: 1 }, message: text, hint };
    if (range.source.isLibrary || this.isOfUser(range.source)) {
      return { location: this.locate(range), message: text, hint };
    }
    return this.tellAboutEntry(range, text);
  }

  /** The entry only calls the user's functions: what is wrong there is what they take or give. */
  private tellAboutEntry(range: Assembly.Range, text: string): Told {
    const { source } = range;
    const lineEnd = source.text.indexOf("\n", range.start);
    const line = source.text.slice(source.text.lastIndexOf("\n", range.start) + 1, lineEnd);
    const name = /user\.(\w+)/.exec(line)?.[1];
    const found = this.functions.find((candidate) => candidate.form.name === name);
    if (found === undefined) return { location: { file: this.entry, line: 1, column: 1 }, message: text, hint: "" };
    const { signature } = found.declaration;
    const argument = ARGUMENTS.indexOf(range.toString());
    const parameter = argument < 0 ? undefined : signature.parameters.at(argument === 0 ? 0 : -1);
    const part = parameter === undefined ? signature.returnType.range : parameter.type.range;
    const wanted = parameter === undefined ? undefined : found.form.parameters.at(argument === 0 ? 0 : -1);
    const message =
      wanted === undefined
        ? `${found.form.name} cannot return ${part.toString()}: ${text}`
        : `${found.form.name} is called with ${wanted}, not ${part.toString()}`;
    return {
      location: locationOf(part, this.entry),
      message,
      hint: `Declare it as: ${found.form.declaration}`,
    };
  }

  private isOfUser(source: Assembly.Source): boolean {
    return !source.isLibrary && source.normalizedPath !== ENTRY_NAME;
  }

  private warn(message: Message): void {
    // what is odd in a library is not for the user to mend
    if (message.range === null || message.range.source.isLibrary || !this.isOfUser(message.range.source)) return;
    this.warnings.push({ message: explain(message.message).text, ...this.locate(message.range) });
  }

  private locate(range: Assembly.Range): Location {
    const { normalizedPath } = range.source;
    return locationOf(range, normalizedPath.startsWith(LIBRARY) ? normalizedPath : this.files.pathOf(normalizedPath));
  }
}

/** What the entry calls the user's functions with. */
const ARGUMENTS = ["accumulator()", "record", "params"];

/** The reason of an error in a line that uses what the language has not. */
function syntaxOf(range: Assembly.Range | null): Explained | undefined {
  if (range === null || range.source.isLibrary) return undefined;
  const { text } = range.source;
  const line = text.slice(text.lastIndexOf("\n", range.start - 1) + 1, range.start);
  return explainSyntax(line, text.slice(range.start, range.start + 80));
}

/** One message for each place: the compiler says the same of each instance of a generic function, and what follows from it. */
function distinct(errors: readonly Told[]): readonly Told[] {
  const places = new Map<string, Told>();
  for (const error of errors) {
    const { file, line, column } = error.location;
    const place = `${file}:${line}:${column}`;
    const known = places.get(place);
    if (known === undefined || (known.hint === "" && error.hint !== "")) places.set(place, error);
  }
  return [...places.values()];
}
