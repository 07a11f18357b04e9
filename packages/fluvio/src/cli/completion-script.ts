import type { LoadedNoun, OptionTable } from "./command.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Word {
  readonly word: string;
  readonly summary: string;
}
/** What can follow each sequence of command words; `""` is the start of the line. */
type Tree = ReadonlyMap<string, readonly Word[]>;

/** A completion script made from the command table, so that it knows every command and option there is. */
export function completionScript(
  shell: Shell,
  program: string,
  nouns: readonly LoadedNoun[],
  globalOptions: OptionTable,
): string {
  const tree = wordTree(nouns, globalOptions);
  switch (shell) {
    case "bash":
      return bash(program, tree);
    case "zsh":
      return zsh(program, tree);
    case "fish":
      return fish(program, tree);
  }
}

function wordTree(nouns: readonly LoadedNoun[], globalOptions: OptionTable): Tree {
  const tree = new Map<string, Word[]>();
  const add = (path: string, entries: readonly Word[]): void => {
    const known = tree.get(path) ?? [];
    const fresh = entries.filter((entry) => !known.some((one) => one.word === entry.word));
    tree.set(path, [...known, ...fresh]);
  };
  const visible = nouns.filter((noun) => noun.hidden !== true);
  add(
    "",
    visible.map((noun) => ({ word: noun.name, summary: noun.summary })),
  );
  add("", optionWords(globalOptions));
  for (const noun of visible) {
    for (const name of [noun.name, ...(noun.aliases ?? [])]) {
      add(name, []);
      for (const one of noun.commands.filter((each) => !each.hidden)) {
        const words = one.verb === undefined ? [] : one.verb.split(" ");
        words.forEach((word, index) => {
          const isLast = index === words.length - 1;
          add([name, ...words.slice(0, index)].join(" "), [{ word, summary: isLast ? one.summary : "" }]);
        });
        add([name, ...words].join(" "), optionWords(one.options));
      }
    }
  }
  return tree;
}

function optionWords(options: OptionTable): readonly Word[] {
  return Object.values(options)
    .filter((option) => option.hidden !== true)
    .map((option) => ({ word: `--${option.long}`, summary: option.summary }));
}

const functionName = (program: string) => `_${program.replace(/\W/g, "_")}_complete`;

function bash(program: string, tree: Tree): string {
  const paths = [...tree.keys()].filter((path) => path !== "").map((path) => JSON.stringify(path));
  const cases = [...tree].map(
    ([path, words]) =>
      `    ${JSON.stringify(path)}) words=${JSON.stringify(words.map((one) => one.word).join(" "))} ;;`,
  );
  return `# ${program} completions for bash
${functionName(program)}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path="" next word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    next="\${path:+$path }$word"
    case "$next" in
      ${paths.join("|")}) path=$next ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F ${functionName(program)} ${program}
`;
}

/** A text within single quotes of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(program: string, tree: Tree): string {
  const paths = [...tree.keys()].filter((path) => path !== "").map(quoted);
  const cases = [...tree].map(([path, words]) => {
    const entries = words.map((one) => quoted(`${one.word.replaceAll(":", "\\:")}:${one.summary}`));
    return `    ${quoted(path)}) entries=(${entries.join(" ")}) ;;`;
  });
  return `#compdef ${program}
${functionName(program)}() {
  local path_words="" next word
  local -a entries
  for word in "\${words[@]:1:$((CURRENT - 2))}"; do
    case "$word" in -*) continue ;; esac
    next="\${path_words:+$path_words }$word"
    case "$next" in
      (${paths.join("|")}) path_words=$next ;;
    esac
  done
  case "$path_words" in
${cases.join("\n")}
  esac
  _describe ${quoted(program)} entries || _files
}
compdef ${functionName(program)} ${program}
`;
}

function fish(program: string, tree: Tree): string {
  const at = `__${program.replace(/\W/g, "_")}_at`;
  const paths = [...tree.keys()].filter((path) => path !== "").map(quoted);
  const lines = [...tree].flatMap(([path, words]) =>
    words.map(({ word, summary }) => {
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-f -a ${quoted(word)}`;
      return `complete -c ${program} -n ${quoted(`${at} ${quoted(path)}`)} ${what} -d ${quoted(summary)}`;
    }),
  );
  return `# ${program} completions for fish
function ${at}
  set -l path ""
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l next (string trim "$path $word")
    contains -- $next ${paths.join(" ")}; and set path $next
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}
