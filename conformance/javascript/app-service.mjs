// The App Service endpoint of `bonafide exec`.
import "./metadata-scenarios.mjs";
import "./legacy-app-service.mjs";
import "./msal-metadata.mjs";
import { run } from "./support.mjs";

await run();
