import type { ResolveHook } from "node:module";

/** Runs on the loader's thread; see resolver.ts. */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  if (specifier !== "fluvio" && !specifier.startsWith("fluvio/")) return await nextResolve(specifier, context);
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    // A package finds itself by its name.
    return await nextResolve(specifier, { ...context, parentURL: import.meta.url });
  }
};
