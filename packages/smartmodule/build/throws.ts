import type * as Assembly from "assemblyscript";
import type { FoundFunction } from "./exports.ts";

/** Where the SDK reports errors, and under which name that is imported: no source of a user's can have it. */
const REPORTER = { path: "@fluvio/smartmodule/failure", name: "fail", localName: "~fail" };
/** What the language itself has to throw; its first argument is the message. */
const STANDARD_ERRORS = ["Error", "RangeError", "TypeError", "SyntaxError", "URIError"];

/**
 * Makes what the functions of a SmartModule throw an error of their record: `throw new Error(message)` in their own bodies
 * becomes `return fail(message)`. AssemblyScript unwinds nothing, so that what is thrown in a function which they call, in
 * a closure, or what is no standard error, stays what it is: the end of the batch.
 */
export function reportThrown(
  assembly: typeof Assembly,
  source: Assembly.Source,
  functions: readonly FoundFunction[],
): void {
  const own = new Set(source.statements.flatMap((one) => ("name" in one ? [nameOf(one)] : [])));
  const isStandard = (name: string) => STANDARD_ERRORS.includes(name) && !own.has(name);
  let count = 0;
  for (const { declaration } of functions) {
    const { body } = declaration;
    if (body === null) continue;
    const replaced = replaceThrows(assembly, body, (thrown) => {
      const message = messageOf(assembly, thrown, isStandard);
      if (message === undefined) return thrown;
      count++;
      return report(assembly, declaration.signature.returnType, message, thrown.range);
    });
    declaration.body = replaced;
  }
  if (count > 0) source.statements.unshift(importReporter(assembly, source.range.atStart));
}

function nameOf(statement: Assembly.Statement): string {
  const { name } = statement as Assembly.Statement & { readonly name: unknown };
  return typeof name === "object" && name !== null && "text" in name ? String(name.text) : "";
}

/** The statement with every throw in it replaced; functions within are left alone. */
function replaceThrows<S extends Assembly.Statement>(
  assembly: typeof Assembly,
  statement: S,
  replace: (thrown: Assembly.ThrowStatement) => Assembly.Statement,
): Assembly.Statement {
  const within = (inner: Assembly.Statement): Assembly.Statement => replaceThrows(assembly, inner, replace);
  if (statement instanceof assembly.ThrowStatement) return replace(statement);
  if (statement instanceof assembly.BlockStatement) statement.statements = statement.statements.map(within);
  else if (statement instanceof assembly.IfStatement) {
    statement.ifTrue = within(statement.ifTrue);
    if (statement.ifFalse !== null) statement.ifFalse = within(statement.ifFalse);
  } else if (statement instanceof assembly.SwitchStatement) {
    for (const one of statement.cases) one.statements = one.statements.map(within);
  } else if (
    statement instanceof assembly.ForStatement ||
    statement instanceof assembly.ForOfStatement ||
    statement instanceof assembly.WhileStatement ||
    statement instanceof assembly.DoStatement
  ) {
    statement.body = within(statement.body);
  }
  return statement;
}

/** The message of `throw new Error(message)`. */
function messageOf(
  assembly: typeof Assembly,
  { value }: Assembly.ThrowStatement,
  isStandard: (name: string) => boolean,
): Assembly.Expression | undefined {
  if (!(value instanceof assembly.NewExpression) || value.args.length > 1) return undefined;
  const { identifier, next } = value.typeName;
  if (next !== null || !isStandard(identifier.text)) return undefined;
  return value.args[0] ?? assembly.Node.createStringLiteralExpression(identifier.text, value.range);
}

/** `{ return fail<T>(message); }`, or what does the same where nothing is returned. */
function report(
  assembly: typeof Assembly,
  returnType: Assembly.TypeNode,
  message: Assembly.Expression,
  range: Assembly.Range,
): Assembly.Statement {
  const { Node } = assembly;
  const isVoid = returnType.range.toString() === "void";
  const name = Node.createIdentifierExpression(REPORTER.localName, range);
  const call = Node.createCallExpression(name, [returnType], [message], range);
  if (!isVoid) return Node.createReturnStatement(call, range);
  const statements = [Node.createExpressionStatement(call), Node.createReturnStatement(null, range)];
  return Node.createBlockStatement(statements, range);
}

function importReporter(assembly: typeof Assembly, range: Assembly.Range): Assembly.Statement {
  const { Node } = assembly;
  const identifier = (text: string) => Node.createIdentifierExpression(text, range);
  const member = Node.createImportDeclaration(identifier(REPORTER.name), identifier(REPORTER.localName), range);
  return Node.createImportStatement([member], Node.createStringLiteralExpression(REPORTER.path, range), range);
}
