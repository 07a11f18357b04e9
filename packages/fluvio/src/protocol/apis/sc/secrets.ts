import { api } from "../../api.ts";
import type { Infer, InputOf } from "../../schema.ts";
import { array, bytes, enumeration, i64, optional, string, struct } from "../../schema.ts";
import { ErrorCode } from "../../wire-errors.ts";

/** Longest value of a secret, bytes. */
export const SECRET_BYTES_MAX: number = 64 * 1024;

export const SecretsRequest = struct({
  action: enumeration("action on secrets", "list", "set", "delete"),
  /** Of the secret; a list takes none. */
  name: optional(string),
  /** Of a secret that is set, UTF-8. */
  value: optional(bytes),
});
export type SecretsRequest = Infer<typeof SecretsRequest>;
export type SecretsRequestInput = InputOf<typeof SecretsRequest>;

/** A secret as it is shown: its value never leaves the cluster. */
export const SecretEntry = struct({
  name: string,
  /** When it was set, milliseconds since 1970. */
  setTimeMs: i64,
  /** Managed connectors that take it from the cluster. */
  usedBy: array(string),
});
export type SecretEntry = Infer<typeof SecretEntry>;

export const SecretsResponse = struct({
  error: ErrorCode,
  /** In order of the names; of a change the secret that was set or deleted. */
  secrets: array(SecretEntry),
});
export type SecretsResponse = Infer<typeof SecretsResponse>;
export type SecretsResponseInput = InputOf<typeof SecretsResponse>;

/** Extension: secrets of connectors. The original closes the connection on it. */
export const secretsApi = api({
  name: "Secrets",
  key: 30007,
  minVersion: 0,
  maxVersion: 0,
  fallbackVersion: 0,
  request: SecretsRequest,
  response: SecretsResponse,
});
