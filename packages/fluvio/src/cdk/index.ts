export { buildConnector } from "./build.ts";
export {
  type Deployment,
  deployments,
  type NewDeployment,
  shutdownDeployment,
  startDeployment,
} from "./deploy.ts";
export { type ConnectorProject, findConnectorProject, generateConnector, setPublic } from "./project.ts";
export type { ConnectorAnswers } from "./templates.ts";
