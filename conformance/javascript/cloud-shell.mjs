// The Cloud Shell endpoint of `bonafide exec --dialect cloud-shell`.
import assert from "node:assert/strict";
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import * as msal from "@azure/msal-node";
import { armScope, claims, demo, info, manage, operatorToken, rejection, run, scenario, verify } from "./support.mjs";

const { identity } = (await manage(await operatorToken(), "GET", demo)).body;
const tokenOf = async (credential, scope = armScope) => (await credential.getToken(scope)).token;

scenario("ManagedIdentityCredential() and DefaultAzureCredential() in Cloud Shell", async () => {
  const said = claims(await tokenOf(new ManagedIdentityCredential()));
  assert.deepEqual([said.oid, said.tid], [identity.principalId, info.tenantId]);
  assert.equal(claims(await tokenOf(new DefaultAzureCredential())).oid, identity.principalId);
  await verify(await tokenOf(new ManagedIdentityCredential(), "https://vault.azure.net/.default"), "https://vault.azure.net");
});

scenario("ManagedIdentityCredential in Cloud Shell: the token reads the virtual machine", async () => {
  assert.equal((await manage(await tokenOf(new ManagedIdentityCredential()), "GET", demo)).status, 200);
});

scenario("msal-node ManagedIdentityApplication in Cloud Shell", async () => {
  const application = new msal.ManagedIdentityApplication({});
  assert.equal(claims((await application.acquireToken({ resource: "https://management.azure.com" })).accessToken).oid, identity.principalId);
  await rejection(application.acquireToken({ resource: "https://nobody.example" }));
}, "ManagedIdentityApplication" in msal);

scenario("a chosen identity is refused in Cloud Shell, by the client itself or by the endpoint", async () => {
  const [{ clientId }] = Object.values(identity.userAssignedIdentities);
  await rejection((async () => tokenOf(new ManagedIdentityCredential({ clientId })))());
});

await run();
