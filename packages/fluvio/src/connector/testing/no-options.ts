import { z } from "zod";

/** The configuration of a connector that has no options of its own. */
export const noOptions = z.object({});
