export { buildConnector } from "./build.ts";
export {
  type Deployment,
  deployments,
  shutdownDeployment,
  startDeployment,
} from "./deploy.ts";
export { type ConnectorProject, findConnectorProject, generateConnector, setPublic } from "./project.ts";
export type { ConnectorAnswers } from "./templates.ts";
