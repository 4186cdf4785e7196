// Scenarios of the metadata endpoint: the same code for every dialect, as the SDKs promise.
import assert from "node:assert/strict";
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { all, armScope, claims, demo, info, installed, manage, operatorToken, rejection, scenario, verify } from "./support.mjs";

const machine = (await manage(await operatorToken(), "GET", demo)).body;
export const system = machine.identity.principalId;
export const [[userId, user]] = Object.entries(machine.identity.userAssignedIdentities);
export const nobody = "00000000-0000-4000-8000-000000000000";
const takesObjectId = installed("@azure/identity", [4, 5]);
const tokenOf = async (credential, scope = armScope) => (await credential.getToken(scope)).token;

scenario("ManagedIdentityCredential() is the system-assigned identity", async () => {
  const credential = new ManagedIdentityCredential();
  const { token, expiresOnTimestamp } = await credential.getToken(armScope);
  const said = claims(token);
  assert.equal(said.oid, system);
  assert.equal(said.tid, info.tenantId);
  assert.equal(said.xms_mirid.toLowerCase(), demo.toLowerCase());
  assert.ok(Math.abs(expiresOnTimestamp / 1000 - said.exp) <= 5, `${expiresOnTimestamp} is not ${said.exp}`);
});

async function selected(credential) {
  const said = claims(await tokenOf(credential));
  assert.deepEqual([said.appid, said.oid], [user.clientId, user.principalId]);
  assert.equal(said.xms_mirid.toLowerCase(), userId.toLowerCase());
}

scenario("ManagedIdentityCredential(clientId)", async () => {
  await selected(new ManagedIdentityCredential(user.clientId));
  await selected(new ManagedIdentityCredential({ clientId: user.clientId }));
});
scenario("ManagedIdentityCredential({ objectId })", () => selected(new ManagedIdentityCredential({ objectId: user.principalId })), takesObjectId);
scenario("ManagedIdentityCredential({ resourceId })", () => selected(new ManagedIdentityCredential({ resourceId: userId })));

scenario("DefaultAzureCredential()", async () => {
  assert.equal(claims(await tokenOf(new DefaultAzureCredential())).oid, system);
});
scenario("DefaultAzureCredential({ managedIdentityClientId, managedIdentityResourceId })", async () => {
  await selected(new DefaultAzureCredential({ managedIdentityClientId: user.clientId }));
  await selected(new DefaultAzureCredential({ managedIdentityResourceId: userId }));
});

scenario("an unknown identity is refused at once", async () => {
  for (const options of [{ clientId: nobody }, ...(takesObjectId ? [{ objectId: nobody }] : []), { resourceId: `${userId}x` }]) {
    const started = Date.now();
    const error = await rejection(tokenOf(new ManagedIdentityCredential(options)));
    assert.match(error.name, /CredentialUnavailableError|AuthenticationError|AuthenticationRequiredError/);
    assert.ok(Date.now() - started < 2000, "the client retried");
  }
});

// App Service answers 500, which is tried again for seconds.
scenario("an unknown resource is refused", async () => {
  await rejection(tokenOf(new ManagedIdentityCredential(), "https://nobody.example/.default"));
}, all || process.env.IDENTITY_ENDPOINT === undefined);

scenario("jose verifies the token by discovery and key set", async () => {
  const token = await tokenOf(new ManagedIdentityCredential());
  assert.equal((await verify(token, "https://management.azure.com")).oid, system);
  await rejection(verify(token, "https://vault.azure.net"));
  const vault = await tokenOf(new ManagedIdentityCredential(), "https://vault.azure.net/.default");
  await verify(vault, "https://vault.azure.net");
});

scenario("the token reads the virtual machine and cannot create one", async () => {
  const token = await tokenOf(new ManagedIdentityCredential());
  assert.equal((await manage(token, "GET", demo)).status, 200);
  const refused = await manage(token, "PUT", demo.replace(/demo$/, "other"), { location: "westeurope", properties: {} });
  assert.deepEqual([refused.status, refused.body.error.code], [403, "AuthorizationFailed"]);
});
