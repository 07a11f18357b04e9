export { type Built, buildProject } from "./build.ts";
export { rustOptionsOf } from "./build-rust.ts";
export { generateFromTemplate, generateProject, type TemplateSource } from "./generate.ts";
export { officialModules } from "./library.ts";
export type { OfferedModule } from "./offered.ts";
export { noGroup, PACK_DIR, packProject } from "./pack.ts";
export { parsePackageFile, withVisibility } from "./package-file.ts";
export { modulesOfFolder, modulesOfRegistry, modulesOfTarball } from "./package-source.ts";
export {
  findProject,
  PACKAGE_FILE,
  type Project,
  readPackageFile,
  TARGET_DIR,
} from "./project.ts";
export { type Replayed, type ReplayRecord, type ReplayResult, type ReplayStatus, replay } from "./replay.ts";
export { type RunRecord, runModules } from "./run.ts";
export type { TemplatePlaceholder } from "./template-settings.ts";
export type { GeneratedKind } from "./templates/answers.ts";
