import { memoryTransport } from "./memory.ts";
import { transportConformance } from "./testing/conformance.ts";

transportConformance("memory transport", memoryTransport());
