/** Text for people: colours on a terminal, plain elsewhere. */
const colours = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
const paint = (code) => (text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = paint("1");
const dim = paint("2");
export const cyan = paint("36");
const green = paint("32");

export const heading = (text) => console.log(`\n${bold(text)}`);
export const note = (text) => console.log(dim(text));
export const commandLine = (text) => console.log(`${green("$")} ${cyan(text)}`);

/** A file as it is, set apart. */
export const file = (text) => {
  for (const line of text.trimEnd().split("\n")) console.log(`  ${dim("│")} ${line}`);
};
