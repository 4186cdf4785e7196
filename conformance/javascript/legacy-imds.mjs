// @azure/ms-rest-nodeauth, which went before @azure/identity. It knows no address but the real one.
import assert from "node:assert/strict";
import { MSIVmTokenCredentials } from "@azure/ms-rest-nodeauth";
import { nobody, system, user, userId } from "./metadata-scenarios.mjs";
import { claims, rejection, scenario } from "./support.mjs";

const ask = (options) => new MSIVmTokenCredentials(options).getToken();
const oid = async (options) => claims((await ask(options)).accessToken).oid;

scenario("ms-rest-nodeauth MSIVmTokenCredentials: the system-assigned identity", async () => {
  assert.equal(await oid(), system);
  assert.equal(await oid({ resource: "https://vault.azure.net" }), system);
});
scenario("ms-rest-nodeauth MSIVmTokenCredentials: by client id, object id and resource id", async () => {
  assert.equal(await oid({ clientId: user.clientId }), user.principalId);
  assert.equal(await oid({ objectId: user.principalId }), user.principalId);
  assert.equal(await oid({ identityId: userId }), user.principalId);
});
scenario("ms-rest-nodeauth MSIVmTokenCredentials: an unknown identity is refused", async () => {
  await rejection(ask({ clientId: nobody }));
});
