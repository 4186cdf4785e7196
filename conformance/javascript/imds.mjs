// The metadata endpoint at its real address.
import "./metadata-scenarios.mjs";
import { run } from "./support.mjs";

await run();
