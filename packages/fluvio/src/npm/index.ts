export { installationDir, isPresent, ownManifest, resolverUrl } from "./installation.ts";
export { type ProjectFiles, writeNewProject } from "./new-project.ts";
export { type NpmOptions, runNpm } from "./npm.ts";
export {
  describePackage,
  type InstalledPackage,
  importInstalled,
  installPackage,
  type PackageSource,
  type PackageStore,
  packageOfFolder,
  parsePackage,
  userPackages,
} from "./package-store.ts";
export { configPath, userFolder } from "./user-folder.ts";
