import { defineSource, field } from "fluvio/connector";
import { z } from "zod";
import { formatFields } from "../shared/formats/index.ts";
import { FileTail } from "./file-tail.ts";
import { findFiles, watchedFolder } from "./find-files.ts";
import { Waker } from "./waker.ts";

const options = z.object({
  path: field.path({ doc: "a file, a folder, or a pattern such as `/var/log/app/*.log` or `/data/**/*.csv`" }),
  exclude: field.optionalTexts({ doc: "patterns of files that are left out, such as `*.tmp`" }),
  ...formatFields,
  start: field.oneOf(["beginning", "end"], {
    doc: "where the files that are there at the first start are begun; later ones are read from their beginning",
    default: "beginning",
  }),
  follow: field.flag({
    doc: "goes on with what is appended and with new files; `false` ends at the end of the files",
    default: "true",
  }),
  order: field.oneOf(["name", "modified"], { doc: "in which order files are read", default: "name" }),
  after: field.oneOf(["keep", "delete", "rename"], {
    doc: "what becomes of a file whose records are all stored in the cluster",
    default: "keep",
  }),
  "rename-suffix": field.text({ doc: "what `after: rename` puts behind the name", default: ".done" }),
  "settle-time": field.duration({
    doc: "a file that has not changed for so long is complete; then `after` is done, and one that was rotated away is let go",
    default: "5s",
  }),
  "poll-interval": field.duration({
    doc: "how often files are looked at where the system does not tell of changes",
    default: "2s",
    minMs: 10,
  }),
});
export type FileConfig = z.output<typeof options>;

const config = options.superRefine(({ after, start }, context) => {
  if (after === "keep" || start === "beginning") return;
  const message = `does not go with \`after: ${after}\`: files would be taken away without having been read`;
  context.addIssue({ code: "custom", path: ["start"], message });
});

/** Makes the lines, rows or JSON values of files records, as they are written. */
export const connector = defineSource({
  name: "file",
  version: "0.1.0",
  summary: "Makes the lines, rows or JSON values of files records, as they are written",
  lagUnit: "bytes",
  config,
  run: async (context) => {
    const { config: own, signal, logger } = context;
    const exclude = own.after === "rename" ? [...(own.exclude ?? []), `*${own["rename-suffix"]}`] : own.exclude;
    const waker = new Waker(await watchedFolder(own.path), own["poll-interval"], signal);
    const tail = new FileTail(context, () => waker.wake());
    let told = "";
    try {
      while (!signal.aborted) {
        const found = await findFiles({ path: own.path, order: own.order, exclude }).catch((error: Error) => error);
        const { problem, isDone } = await tail.round(found);
        if (problem !== told) context.trouble(problem);
        if (problem !== told && problem !== "") {
          logger.warn({ problem, path: own.path }, "files cannot be read, trying again");
        }
        told = problem;
        if (isDone && !own.follow) return;
        await waker.wait();
      }
    } finally {
      waker[Symbol.dispose]();
      await tail[Symbol.asyncDispose]();
    }
  },
});
