import type { CreateRequest, DeleteRequest, StatusInput, UpdateRequest } from "../../protocol/index.ts";
import type { AggregateStates } from "./aggregate-states.ts";
import type { ConnectorPositions } from "./connector-positions.ts";
import type { ConnectorRuns } from "./connector-runs.ts";
import type { Connectors } from "./connectors.ts";
import type { PlainObjects } from "./plain-objects.ts";
import { errorStatus } from "./refusal.ts";
import type { Secrets } from "./secrets.ts";
import type { SmartModuleRuns } from "./smartmodule-runs.ts";
import type { SmartModules } from "./smartmodules.ts";
import type { SpuRegistry } from "./spus.ts";
import type { ScContext } from "./stores.ts";
import type { Topics } from "./topics.ts";

/** Who does what a request asks for. */
export interface AdminParts {
  readonly context: ScContext;
  readonly topics: Topics;
  readonly spus: SpuRegistry;
  readonly smartModules: SmartModules;
  readonly smartModuleRuns: SmartModuleRuns;
  readonly aggregateStates: AggregateStates;
  readonly plain: PlainObjects;
  readonly connectors: Connectors;
  readonly connectorPositions: ConnectorPositions;
  readonly connectorRuns: ConnectorRuns;
  readonly secrets: Secrets;
}

const UNKNOWN_OBJECT = "unknown admin object type";

/** The answer to a Create; never throws. */
export function create(parts: AdminParts, request: CreateRequest): Promise<StatusInput> {
  if (request.label === "unknown") return Promise.resolve(unknownObject(request.unknownLabel));
  const { name, dryRun, timeoutMs } = request.body;
  return answered(name, () => {
    switch (request.label) {
      case "Topic":
        return parts.topics.create(name, request.body.spec, { dryRun, timeoutMs });
      case "CustomSpu":
        return parts.spus.register(name, request.body.spec, dryRun);
      case "SpuGroup":
        return parts.plain.createSpuGroup(name, request.body.spec, dryRun);
      case "SmartModule":
        return parts.smartModules.create(name, request.body.spec, dryRun);
      case "TableFormat":
        return parts.plain.createTableFormat(name, request.body.spec, dryRun);
      case "Mirror":
        return parts.plain.createMirror(name, request.body.spec, dryRun);
      case "ManagedConnector":
        return parts.connectors.create(name, request.body.spec, dryRun);
    }
  });
}

/** The answer to a Delete; never throws. */
export function remove(parts: AdminParts, request: DeleteRequest): Promise<StatusInput> {
  if (request.label === "unknown") return Promise.resolve(unknownObject(request.unknownLabel));
  if (request.label === "CustomSpu") {
    const { key } = request.body;
    return answered(key.type === "name" ? key.name : String(key.id), () => parts.spus.unregister(key));
  }
  const { key, force } = request.body;
  return answered(key, () => {
    switch (request.label) {
      case "Topic":
        return parts.topics.delete(key, force);
      case "SpuGroup":
        return parts.plain.deleteSpuGroup(key);
      case "SmartModule":
        return parts.smartModules.delete(key);
      case "TableFormat":
        return parts.plain.deleteTableFormat(key);
      case "Mirror":
        return parts.plain.deleteMirror(key);
      case "ManagedConnector":
        return parts.connectors.delete(key);
    }
  });
}

/** The answer to an Update; never throws. */
export function update(parts: AdminParts, request: UpdateRequest): Promise<StatusInput> {
  if (request.label === "unknown") return Promise.resolve(unknownObject(request.unknownLabel));
  const { body, label } = request;
  return answered(body.key, () =>
    label === "Topic" ? parts.topics.update(body.key, body.action) : parts.connectors.update(body.key, body.action),
  );
}

async function answered(name: string, work: () => Promise<StatusInput>): Promise<StatusInput> {
  try {
    return await work();
  } catch (error) {
    return errorStatus(name, error);
  }
}

function unknownObject(label: string): StatusInput {
  return {
    name: "",
    errorCode: { name: "Other", message: UNKNOWN_OBJECT },
    errorMessage: `${UNKNOWN_OBJECT}: "${label}"`,
  };
}
