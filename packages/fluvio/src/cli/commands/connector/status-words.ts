/** States of connectors as lists and descriptions show them. */
export const STATUS_WORDS = {
  initializing: "Init",
  invalid: "Invalid",
  pending: "Pending",
  running: "Running",
  failed: "Failed",
  stopped: "Stopped",
  paused: "Paused",
} as const;
