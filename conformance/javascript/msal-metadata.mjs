// MSAL for Node and the metadata endpoint, in whichever dialect the environment names.
import assert from "node:assert/strict";
import * as msal from "@azure/msal-node";
import { system, user, userId, nobody } from "./metadata-scenarios.mjs";
import { claims, rejection, scenario } from "./support.mjs";

const isKnown = "ManagedIdentityApplication" in msal;
const ask = (ids, resource = "https://management.azure.com") =>
  new msal.ManagedIdentityApplication({ managedIdentityIdParams: ids }).acquireToken({ resource });
const oid = async (ids) => claims((await ask(ids)).accessToken).oid;

scenario("msal-node ManagedIdentityApplication: the system-assigned identity", async () => {
  assert.equal(await oid(undefined), system);
}, isKnown);
scenario("msal-node ManagedIdentityApplication: by client id, object id and resource id", async () => {
  assert.equal(await oid({ userAssignedClientId: user.clientId }), user.principalId);
  assert.equal(await oid({ userAssignedObjectId: user.principalId }), user.principalId);
  assert.equal(await oid({ userAssignedResourceId: userId }), user.principalId);
}, isKnown);
scenario("msal-node ManagedIdentityApplication: an unknown identity is refused at once", async () => {
  const started = Date.now();
  await rejection(ask({ userAssignedClientId: nobody }));
  assert.ok(Date.now() - started < 2000, "the client retried");
}, isKnown);
