// @azure/ms-rest-nodeauth at the address of App Service, in version 2017-09-01.
import assert from "node:assert/strict";
import { MSIAppServiceTokenCredentials } from "@azure/ms-rest-nodeauth";
import { nobody, system, user } from "./metadata-scenarios.mjs";
import { claims, rejection, scenario } from "./support.mjs";

const ask = (options) => new MSIAppServiceTokenCredentials(options).getToken();
const oid = async (options) => claims((await ask(options)).accessToken).oid;

scenario("ms-rest-nodeauth MSIAppServiceTokenCredentials: the system-assigned identity", async () => {
  assert.equal(await oid(), system);
  assert.equal(await oid({ resource: "https://vault.azure.net" }), system);
});
scenario("ms-rest-nodeauth MSIAppServiceTokenCredentials: by client id, the only selector that it has", async () => {
  assert.equal(await oid({ clientId: user.clientId }), user.principalId);
});
scenario("ms-rest-nodeauth MSIAppServiceTokenCredentials: an unknown identity is refused", async () => {
  await rejection(ask({ clientId: nobody }));
});
