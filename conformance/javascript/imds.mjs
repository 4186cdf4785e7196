// The metadata endpoint at its real address.
import "./metadata-scenarios.mjs";
import "./msal-metadata.mjs";
import "./legacy-imds.mjs";
import { run } from "./support.mjs";

await run();
