// Asks for one token after the other, by credentials that are kept and by new ones, and prints each: until there is the file
// LOOP_UNTIL, of the resources api://outage/0 to LOOP_RESOURCES - 1, so that no cache of a library's answers.
import { existsSync } from "node:fs";
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";

const resources = Number(process.env.LOOP_RESOURCES);
const kinds = [ManagedIdentityCredential, DefaultAzureCredential];
const kept = kinds.map((Kind) => new Kind());

for (let number = 0; !existsSync(process.env.LOOP_UNTIL); ) {
  for (const credential of [...kept, ...kinds.map((Kind) => new Kind())]) {
    const name = credential.constructor.name;
    try {
      console.log("token", name, (await credential.getToken(`api://outage/${number % resources}/.default`)).token);
    } catch (error) {
      console.log("failed", name, String(error).replace(/\s+/g, " ").slice(0, 600));
    }
    number += 1;
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
