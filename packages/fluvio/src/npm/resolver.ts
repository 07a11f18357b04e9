/**
 * For `node --import`: `fluvio` and its entries resolve to this installation where the importing project has none of its
 * own, so that a project's tests run before `npm install`.
 */
import { register } from "node:module";

register("./resolver-hook.js", import.meta.url);
