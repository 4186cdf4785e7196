// What the scenarios share: the running cloud, as `up --json` described it, and a runner.
import { existsSync, readFileSync } from "node:fs";
import { ClientSecretCredential } from "@azure/identity";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";

export const info = JSON.parse(readFileSync(process.env.BONAFIDE_INFO, "utf8"));
export const login = info.endpoints.login.replace(/\/$/, "");
export const arm = info.endpoints.management.replace(/\/$/, "");
export const armScope = "https://management.azure.com/.default";
export const demo = info.workloads.find((w) => w.resourceId.toLowerCase().endsWith("/virtualmachines/demo")).resourceId;
export const signIn = { authorityHost: login, disableInstanceDiscovery: true };

// True when slow scenarios are run, too.
export const all = process.env.CONFORMANCE_ALL === "1";

// True when the package is installed, in this version or a later one. A variant has fewer and older ones than the newest clients.
export function installed(name, [major, minor] = [0, 0]) {
  const file = new URL(`./node_modules/${name}/package.json`, import.meta.url);
  if (!existsSync(file)) return false;
  const [haveMajor, haveMinor] = JSON.parse(readFileSync(file, "utf8")).version.split(".").map(Number);
  return haveMajor > major || (haveMajor === major && haveMinor >= minor);
}

const scenarios = [];

// One whose library is too old for what it needs is left out.
export function scenario(name, run, needs = true) {
  if (needs) scenarios.push({ name, run });
}

// Milliseconds between two scenarios: a workload has 20 requests a second, and not every client tries again when it is throttled.
const PACE = 100;

// Runs all scenarios in order, says how each came out, and ends the process.
export async function run() {
  let failed = false;
  for (const { name, run } of scenarios) {
    await new Promise((resolve) => setTimeout(resolve, PACE));
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

// The operator's token, without any library: the oldest ones cannot sign in here.
export async function operatorToken() {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: info.operator.clientId,
    client_secret: readFileSync(info.operator.secretFile, "utf8").trim(),
    scope: armScope,
  });
  return (await (await fetch(`${login}/${info.tenantId}/oauth2/v2.0/token`, { method: "POST", body: form })).json()).access_token;
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
