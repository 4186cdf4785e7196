// Sign-in with MSAL for Node, below @azure/identity.
import assert from "node:assert/strict";
import { ConfidentialClientApplication } from "@azure/msal-node";
import { X509Certificate, createPrivateKey, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { SignJWT } from "jose";
import { armScope, claims, info, installed, login, rejection, scenario } from "./support.mjs";

export const { clientId } = info.operator;
export const secret = readFileSync(info.operator.secretFile, "utf8").trim();
export const pem = readFileSync(info.operator.certificateFile, "utf8");
export const nobody = "00000000-0000-4000-8000-000000000000";
const certificate = new X509Certificate(pem);
const hexadecimal = (fingerprint) => fingerprint.replaceAll(":", "");
export const thumbprint = hexadecimal(certificate.fingerprint);
const key = createPrivateKey(pem);
const privateKey = key.export({ type: "pkcs8", format: "pem" });
const authority = `${login}/${info.tenantId}`;

// Assertions by a function, and thumbprints by SHA-256.
const isRecent = installed("@azure/msal-node", [2, 12]);

// Whether an authority is one is asked of the public cloud unless its host is known.
const knownAuthorities = [new URL(login).host];
const ask = (auth, scope = armScope) =>
  new ConfidentialClientApplication({ auth: { clientId, authority, knownAuthorities, ...auth } })
    .acquireTokenByClientCredential({ scopes: [scope] });

async function signsIn(auth) {
  assert.equal(claims((await ask(auth)).accessToken).appid, clientId);
}

const assertion = (header) =>
  new SignJWT({}).setProtectedHeader({ alg: "RS256", ...header }).setIssuer(clientId).setSubject(clientId)
    .setAudience(`${authority}/oauth2/v2.0/token`).setJti(randomUUID()).setNotBefore("0s").setExpirationTime("10m").sign(key);

scenario("msal-node ConfidentialClientApplication: secret", () => signsIn({ clientSecret: secret }));
scenario("msal-node ConfidentialClientApplication: certificate, by SHA-1, by SHA-256 and by x5c", async () => {
  const thumbprintSha256 = hexadecimal(certificate.fingerprint256);
  await signsIn({ clientCertificate: { thumbprint, privateKey } });
  await signsIn({ clientCertificate: { thumbprint, privateKey, x5c: certificate.toString() } });
  if (!isRecent) return;
  await signsIn({ clientCertificate: { thumbprintSha256, privateKey } });
  await signsIn({ clientCertificate: { thumbprintSha256, privateKey, x5c: certificate.toString() } });
});
scenario("msal-node ConfidentialClientApplication: assertion, the certificate named by x5t and kid", async () => {
  const bytes = Buffer.from(thumbprint, "hex");
  await signsIn({ clientAssertion: await assertion({ x5t: bytes.toString("base64url") }) });
  if (!isRecent) return;
  await signsIn({ clientAssertion: () => assertion({ kid: bytes.toString("base64url") }) });
});
scenario("msal-node: wrong secret, unknown application, unknown resource", async () => {
  const refused = async (auth, scope) => String(await rejection(ask(auth, scope)));
  // Before, the status was all that it said of a refusal.
  const says = (code) => (installed("@azure/msal-node", [2, 0]) ? code : /HTTP status code 40[01]/);
  assert.match(await refused({ clientSecret: "wrong" }), says(/AADSTS7000215/));
  assert.match(await refused({ clientId: nobody, clientSecret: secret }), says(/AADSTS700016/));
  assert.match(await refused({ clientSecret: secret }, "https://nobody.example/.default"), says(/AADSTS500011/));
});
