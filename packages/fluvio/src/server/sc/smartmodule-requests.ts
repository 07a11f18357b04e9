import {
  type InspectSmartModulesRequest,
  type InspectSmartModulesResponseInput,
  NO_ERROR,
  type SmartModuleStatsRequest,
  type SmartModuleStatsResponseInput,
  type SwitchSmartModuleRequest,
  type SwitchSmartModuleResponseInput,
} from "../../protocol/index.ts";
import type { AdminParts } from "./admin-requests.ts";
import { errorStatus } from "./refusal.ts";

/** The answer to InspectSmartModules; never throws. */
export function inspectSmartModules(
  { smartModules }: AdminParts,
  { names }: InspectSmartModulesRequest,
): InspectSmartModulesResponseInput {
  const modules = smartModules.list(names).map((object) => smartModules.inspection(object.name));
  return { error: NO_ERROR, modules };
}

/** The answer to SmartModuleStats; never throws. */
export async function smartModuleStats(
  { smartModuleRuns }: AdminParts,
  { names }: SmartModuleStatsRequest,
): Promise<SmartModuleStatsResponseInput> {
  try {
    return { error: NO_ERROR, ...(await smartModuleRuns.stats(names)) };
  } catch (error) {
    return { error: errorStatus("", error).errorCode, modules: [], spus: [] };
  }
}

/** The answer to SwitchSmartModule; never throws. */
export async function switchSmartModule(
  { smartModuleRuns }: AdminParts,
  { name }: SwitchSmartModuleRequest,
): Promise<SwitchSmartModuleResponseInput> {
  try {
    return { error: NO_ERROR, ...(await smartModuleRuns.switchTo(name)) };
  } catch (error) {
    return { error: errorStatus(name, error).errorCode, streams: 0, connectors: 0, failures: [] };
  }
}
