#!/usr/bin/env node
/** Writes the JSON Schema of connector files, made from the connectors' own schemas, into the build. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";

const dist = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../packages/fluvio/dist");
const { connectorFileSchema, officialConnectors } = await import(`${dist}/connector/index.js`);
const schema = connectorFileSchema(await officialConnectors());
writeFileSync(`${dist}/connect.schema.json`, `${JSON.stringify(schema, null, 2)}\n`);
