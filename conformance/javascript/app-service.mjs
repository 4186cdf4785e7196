// The App Service endpoint of `bonafide exec`.
import "./metadata-scenarios.mjs";
import "./msal-metadata.mjs";
import { run } from "./support.mjs";

await run();
