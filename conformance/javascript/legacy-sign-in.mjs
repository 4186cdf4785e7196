// @azure/ms-rest-nodeauth over ADAL for Node, which went before @azure/identity and MSAL.
import assert from "node:assert/strict";
import { ApplicationTokenCertificateCredentials, ApplicationTokenCredentials } from "@azure/ms-rest-nodeauth";
import { clientId, nobody, pem, secret, thumbprint } from "./msal-sign-in.mjs";
import { arm, claims, info, login, rejection, scenario } from "./support.mjs";

const resource = "https://management.azure.com/";
const environment = {
  name: "bonafide",
  resourceManagerEndpointUrl: `${arm}/`,
  managementEndpointUrl: resource,
  activeDirectoryEndpointUrl: `${login}/`,
  activeDirectoryResourceId: resource,
  // Otherwise the public cloud is asked whether the authority is one.
  validateAuthority: false,
};
const tenant = info.tenantId;

scenario("ms-rest-nodeauth ApplicationTokenCredentials: secret and certificate", async () => {
  for (const credentials of [
    new ApplicationTokenCredentials(clientId, tenant, secret, undefined, environment),
    new ApplicationTokenCertificateCredentials(clientId, tenant, pem, thumbprint, undefined, environment),
  ]) {
    assert.equal(claims((await credentials.getToken()).accessToken).appid, clientId);
  }
});
scenario("ms-rest-nodeauth: wrong secret, unknown application, unknown resource", async () => {
  const refused = async (id, secret, audience) =>
    String(await rejection(new ApplicationTokenCredentials(id, tenant, secret, audience, environment).getToken()));
  assert.match(await refused(clientId, "wrong"), /AADSTS7000215/);
  assert.match(await refused(nobody, secret), /AADSTS700016/);
  assert.match(await refused(clientId, secret, "https://nobody.example"), /AADSTS500011/);
});
