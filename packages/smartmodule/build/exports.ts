import type * as Assembly from "assemblyscript";
import { FUNCTION_FORMS, type FunctionForm, type SmartModuleKind } from "./functions.ts";
import { buildError, type Location, locationOf } from "./location.ts";

/** A function of the user's that the host will call. */
export interface FoundFunction {
  readonly form: FunctionForm;
  readonly declaration: Assembly.FunctionDeclaration;
  /** Where its name stands. */
  readonly location: Location;
}

/** As the compiler has it: the flag of what is exported. */
const EXPORTED = 2;
const TRANSFORMS = FUNCTION_FORMS.filter((form) => form.isTransform);
const TRANSFORM_NAMES = TRANSFORMS.map((form) => form.name).join(", ");

/**
 * The functions of a SmartModule in a parsed source.
 * @throws FLV_SMARTMODULE_BUILD when there is no transform, more than one, or one is not declared as it has to be
 */
export function findFunctions(
  assembly: typeof Assembly,
  source: Assembly.Source,
  file: string,
): { readonly functions: readonly FoundFunction[]; readonly kind: SmartModuleKind } {
  const functions: FoundFunction[] = [];
  const { exported, local } = topLevelDeclarations(assembly, source);
  for (const [name, declaration] of exported) {
    const form = FUNCTION_FORMS.find((candidate) => candidate.name === name);
    const location = locationOf(declaration.name.range, file);
    if (form === undefined) refuseNearMiss(name, location);
    else if (!(declaration instanceof assembly.FunctionDeclaration)) {
      throw buildError(location, `${name} is exported, but is no function`, `Declare it as: ${form.declaration}`);
    } else {
      checkSignature(form, declaration, file);
      functions.push({ form, declaration, location });
    }
  }
  const [transform, second] = functions.filter((found) => found.form.isTransform);
  if (transform === undefined) {
    refuseUnexported(exported, local, file);
    throw buildError(
      { file, line: 1, column: 1 },
      "the file exports no function that makes it a SmartModule",
      `Export one of ${TRANSFORM_NAMES}, such as: ${TRANSFORMS[0]?.declaration} { … }`,
    );
  }
  if (second !== undefined) {
    throw buildError(
      second.location,
      `the file exports both ${transform.form.name} and ${second.form.name}, a SmartModule has only one transform`,
      "Put them in two files and run one behind the other, as a chain of transforms",
    );
  }
  return { functions, kind: transform.form.exportName as SmartModuleKind };
}

type Declarations = ReadonlyMap<string, Assembly.DeclarationStatement>;

/** A file without transform: one that is there but not exported, or what is exported in its place. */
function refuseUnexported(exported: Declarations, local: Declarations, file: string): void {
  for (const form of TRANSFORMS) {
    const declaration = local.get(form.name);
    if (declaration === undefined) continue;
    const location = locationOf(declaration.name.range, file);
    throw buildError(location, `${form.name} is not exported by this name`, `Declare it as: ${form.declaration}`);
  }
  for (const [name, declaration] of exported) {
    if (FUNCTION_FORMS.some((form) => form.name === name)) continue;
    const location = locationOf(declaration.name.range, file);
    throw buildError(
      location,
      `${name} is not the name of a SmartModule's function`,
      `Export one of ${TRANSFORM_NAMES}, such as: ${TRANSFORMS[0]?.declaration} { … }`,
    );
  }
}

/** Names and declarations of a source, and which it exports, by `export function …` or `export { … }`. */
function topLevelDeclarations(
  assembly: typeof Assembly,
  source: Assembly.Source,
): { readonly exported: Declarations; readonly local: Declarations } {
  const exported = new Map<string, Assembly.DeclarationStatement>();
  const local = new Map<string, Assembly.DeclarationStatement>();
  for (const statement of source.statements) {
    const declarations = statement instanceof assembly.VariableStatement ? statement.declarations : [statement];
    for (const declaration of declarations) {
      if (!(declaration instanceof assembly.DeclarationStatement)) continue;
      local.set(declaration.name.text, declaration);
      if (((declaration.flags as number) & EXPORTED) !== 0) exported.set(declaration.name.text, declaration);
    }
  }
  for (const statement of source.statements) {
    if (!(statement instanceof assembly.ExportStatement) || statement.path !== null) continue;
    for (const member of statement.members ?? []) {
      const declaration = local.get(member.localName.text);
      if (declaration !== undefined) exported.set(member.exportedName.text, declaration);
    }
  }
  return { exported, local };
}

/** Names such as `filter_map` and `look_back`, which other SDKs have. */
function refuseNearMiss(name: string, location: Location): void {
  const plain = name.replaceAll("_", "").toLowerCase();
  const form = FUNCTION_FORMS.find((candidate) => candidate.name.toLowerCase() === plain);
  if (form === undefined) return;
  throw buildError(location, `${name} is written ${form.name} in AssemblyScript`, `Declare it as: ${form.declaration}`);
}

function checkSignature(form: FunctionForm, declaration: Assembly.FunctionDeclaration, file: string): void {
  const location = locationOf(declaration.name.range, file);
  const { parameters, returnType } = declaration.signature;
  const hint = `Declare it as: ${form.declaration}`;
  if (parameters.length !== form.parameters.length) {
    const expected = form.parameters.length === 1 ? "one parameter" : `${form.parameters.length} parameters`;
    throw buildError(location, `${form.name} has ${expected}, not ${parameters.length}`, hint);
  }
  if (declaration.isGeneric) throw buildError(location, `${form.name} cannot be generic`, hint);
  const result = returnType.range.toString();
  const isOmitted = result === "" || returnType.range.start === returnType.range.end;
  if (form.parameters.includes("Params") || form.name === "lookBack") {
    if (!isOmitted && result !== "void") {
      throw buildError(locationOf(returnType.range, file), `${form.name} returns nothing, not ${result}`, hint);
    }
    return;
  }
  if (isOmitted) throw buildError(location, `${form.name} needs the type that it returns`, hint);
  if (result === "void") {
    throw buildError(locationOf(returnType.range, file), `${form.name} has to return something`, hint);
  }
}
