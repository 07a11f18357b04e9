export type { IoParts } from "./io.ts";
export { main } from "./main.ts";
