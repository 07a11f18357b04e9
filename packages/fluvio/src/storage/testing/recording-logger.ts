import type { Logger } from "../../protocol/index.ts";

interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A logger that keeps its lines. */
export interface RecordingLogger extends Logger {
  readonly lines: LogLine[];
}

export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  const keep = (level: LogLine["level"]) => (details: object, message: string) => {
    lines.push({ level, details: { ...details }, message });
  };
  const logger: RecordingLogger = {
    lines,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
    child: () => logger,
  };
  return logger;
}
