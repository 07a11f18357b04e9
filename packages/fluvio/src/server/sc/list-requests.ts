import { flvError, type ListRequest, type ListResponseInput } from "../../protocol/index.ts";
import type { AdminParts } from "./admin-requests.ts";

/**
 * The answer to a List.
 * @throws FLV_INVALID_REQUEST for an object type that cannot be listed, which ends the connection
 */
export function list(parts: AdminParts, request: ListRequest): ListResponseInput {
  const { stores } = parts.context;
  if (request.label === "unknown") {
    throw flvError("FLV_INVALID_REQUEST", `objects of type "${request.unknownLabel}" cannot be listed`);
  }
  const { nameFilters, summary, system } = request.body;
  const { label } = request;
  switch (label) {
    case "Topic":
      return { label, body: named(stores.topics.values(), nameFilters).filter(({ spec }) => spec.system === system) };
    case "Partition":
      return { label, body: [...stores.partitions.values()].filter(({ spec }) => spec.system === system) };
    case "SPU":
      return { label, body: named(stores.spus.values(), nameFilters) };
    case "CustomSpu":
      return { label, body: named(parts.spus.customSpus(), nameFilters) };
    case "SpuGroup":
      return { label, body: named(stores.spuGroups.values(), nameFilters) };
    case "SmartModule":
      return {
        label,
        body: parts.smartModules.list(nameFilters).map((object) => parts.smartModules.present(object, summary)),
      };
    case "TableFormat":
      return { label, body: named(stores.tableFormats.values(), nameFilters) };
    case "Mirror":
      return { label, body: [...stores.mirrors.values()] };
    case "ManagedConnector":
      return { label, body: named(stores.connectors.values(), nameFilters) };
  }
}

/** Objects whose name contains one of the filters; all when there are none. */
function named<O extends { readonly name: string }>(objects: Iterable<O>, filters: readonly string[]): O[] {
  const all = [...objects];
  return filters.length === 0 ? all : all.filter(({ name }) => filters.some((filter) => name.includes(filter)));
}
