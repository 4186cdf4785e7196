// The metadata endpoint at its real address.
import "./metadata-scenarios.mjs";
import "./msal-metadata.mjs";
import { installed, run } from "./support.mjs";

if (installed("@azure/ms-rest-nodeauth")) await import("./legacy-imds.mjs");
await run();
