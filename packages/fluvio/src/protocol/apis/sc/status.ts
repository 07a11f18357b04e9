import type { Infer, InputOf } from "../../schema.ts";
import { optional, string, struct } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

/** Answer to Create, Delete and Update. Errors always carry a message: it is what a client prints. */
export const Status = struct({ name: string, errorCode: ErrorCode, errorMessage: optional(string) });
export type Status = Infer<typeof Status>;
export type StatusInput = InputOf<typeof Status>;
