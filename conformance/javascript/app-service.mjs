// The App Service endpoint of `bonafide exec`.
import "./metadata-scenarios.mjs";
import "./msal-metadata.mjs";
import { installed, run } from "./support.mjs";

if (installed("@azure/ms-rest-nodeauth")) await import("./legacy-app-service.mjs");
await run();
