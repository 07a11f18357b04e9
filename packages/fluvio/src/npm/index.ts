export { installationDir, ownManifest, resolverUrl } from "./installation.ts";
export { type NpmOptions, runNpm } from "./npm.ts";
export {
  describePackage,
  type InstalledPackage,
  installPackage,
  type PackageSource,
  type PackageStore,
  packageOfFolder,
  parsePackage,
} from "./package-store.ts";
