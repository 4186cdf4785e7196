// What the scenarios share: the running cloud, as `up --json` described it, and a runner.
import { readFileSync } from "node:fs";
import { ClientSecretCredential } from "@azure/identity";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";

export const info = JSON.parse(readFileSync(process.env.BONAFIDE_INFO, "utf8"));
export const login = info.endpoints.login.replace(/\/$/, "");
export const arm = info.endpoints.management.replace(/\/$/, "");
export const armScope = "https://management.azure.com/.default";
export const demo = info.workloads.find((w) => w.resourceId.toLowerCase().endsWith("/virtualmachines/demo")).resourceId;
export const signIn = { authorityHost: login, disableInstanceDiscovery: true };

const scenarios = [];

export function scenario(name, run) {
  scenarios.push({ name, run });
}

// Runs all scenarios in order, says how each came out, and ends the process.
export async function run() {
  let failed = false;
  for (const { name, run } of scenarios) {
    try {
      await run();
      console.log(`ok ${name}`);
    } catch (error) {
      failed = true;
      console.log(`FAIL ${name}: ${String(error).replace(/\s+/g, " ").slice(0, 600)}`);
      console.error(error);
    }
  }
  process.exit(failed ? 1 : 0);
}

// The error that the promise is rejected with; anything else is a failure.
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it was not refused; it gave ${JSON.stringify(value).slice(0, 300)}`);
}

export function operator(secret = readFileSync(info.operator.secretFile, "utf8").trim()) {
  return new ClientSecretCredential(info.tenantId, info.operator.clientId, secret, signIn);
}

export const claims = (token) => decodeJwt(token);

// The claims of a token that verifies by its issuer's discovery document and key set.
export async function verify(token, audience) {
  const { iss } = decodeJwt(token);
  if (!iss.startsWith(`${login}/`)) throw new Error(`the issuer is ${iss}`);
  const document = await (await fetch(`${iss.replace(/\/$/, "")}/.well-known/openid-configuration`)).json();
  if (document.issuer !== iss) throw new Error(`the document's issuer is ${document.issuer}`);
  const keys = createRemoteJWKSet(new URL(document.jwks_uri));
  return (await jwtVerify(token, keys, { audience, issuer: iss, algorithms: ["RS256"] })).payload;
}

export async function manage(token, method, path, body) {
  const answer = await fetch(`${arm}${path}?api-version=2024-07-01`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}
