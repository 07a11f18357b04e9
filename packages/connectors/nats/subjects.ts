/** What is wrong with a subject that is published to; `undefined` when nothing is. */
export function subjectProblem(subject: string): string | undefined {
  if (subject === "") return "is empty";
  if (/[\s\0]/.test(subject)) return "has a blank";
  const tokens = subject.split(".");
  if (tokens.includes("")) return "has an empty part";
  return tokens.includes("*") || tokens.includes(">") ? "has a wildcard" : undefined;
}

/** A name that streams and consumers may have. */
export function safeName(name: string): string {
  return name.replaceAll(/[\s.*>/\\]/g, "_");
}
