// Sign-in of an application, as the operator.
import assert from "node:assert/strict";
import { ClientCertificateCredential, ClientSecretCredential, DefaultAzureCredential } from "@azure/identity";
import { readFileSync } from "node:fs";
import { armScope, claims, demo, info, installed, manage, operator, rejection, run, scenario, signIn, verify } from "./support.mjs";

const { clientId, certificateFile, secretFile } = info.operator;
// Before, the public cloud was asked whether an authority is one.
const signsIn = installed("@azure/identity", [3, 2]);
const tokenOf = async (credential) => (await credential.getToken(armScope)).token;

scenario("ClientSecretCredential", async () => {
  const token = await tokenOf(operator());
  assert.equal((await verify(token, "https://management.azure.com")).appid, clientId);
  assert.equal((await manage(token, "GET", demo)).status, 200);
}, signsIn);

scenario("ClientCertificateCredential, by thumbprint and by x5c", async () => {
  for (const sendCertificateChain of [false, true]) {
    const credential = new ClientCertificateCredential(info.tenantId, clientId, certificateFile, { ...signIn, sendCertificateChain });
    const token = await tokenOf(credential);
    assert.equal(claims(token).appid, clientId);
    assert.equal((await manage(token, "GET", demo)).status, 200);
  }
}, signsIn);

scenario("DefaultAzureCredential signs in from the environment", async () => {
  const variables = {
    AZURE_TENANT_ID: info.tenantId,
    AZURE_CLIENT_ID: clientId,
    AZURE_CLIENT_SECRET: readFileSync(secretFile, "utf8").trim(),
  };
  Object.assign(process.env, variables);
  try {
    // The authority is AZURE_AUTHORITY_HOST, which `bonafide env` exports.
    const token = await tokenOf(new DefaultAzureCredential({ disableInstanceDiscovery: true }));
    assert.equal(claims(token).appid, clientId);
  } finally {
    Object.keys(variables).forEach((name) => delete process.env[name]);
  }
}, signsIn);

scenario("wrong secret, unknown application, unknown tenant", async () => {
  const nobody = "00000000-0000-4000-8000-000000000000";
  assert.match(String(await rejection(tokenOf(operator("wrong")))), /AADSTS7000215/);
  const unknown = new ClientSecretCredential(info.tenantId, nobody, "secret", signIn);
  assert.match(String(await rejection(tokenOf(unknown))), /AADSTS700016/);
  await rejection(tokenOf(new ClientSecretCredential(nobody, clientId, "secret", signIn)));
  const stranger = new ClientCertificateCredential(info.tenantId, nobody, certificateFile, signIn);
  assert.match(String(await rejection(tokenOf(stranger))), /AADSTS700016/);
}, signsIn);

// The libraries below and before @azure/identity come after it.
await import("./msal-sign-in.mjs");
if (installed("@azure/ms-rest-nodeauth")) await import("./legacy-sign-in.mjs");
await run();
