"""Requests of one's own, and what is not served: each surface answers in its own JSON. Follows azure-cli's `test_rest_arm` and
`test_rest_microsoft_graph`."""

from scenarios import scenario
from support import ALL, ARM, GRAPH, OPERATOR, SUBSCRIPTION, az, equal, refused, same


@scenario("to the resource manager and to the directory")
def both():
    same(az("rest", "--url", "/subscriptions/{subscriptionId}?api-version=2022-12-01")["subscriptionId"], SUBSCRIPTION)
    found = az("rest", "--url", f"{GRAPH}/v1.0/servicePrincipals(appId='{OPERATOR}')")
    equal(found["appId"], OPERATOR)
    if ALL:
        refused("InvalidApiVersionParameter", "rest", "--url", "/subscriptions/{subscriptionId}?api-version=tomorrow")
        equal(az("rest", "--url", f"{ARM}/metadata/endpoints?api-version=2022-09-01", "--skip-authorization-header")["name"], "bonafide")


@scenario("what is not served answers in the JSON of the surface", ALL)
def unserved():
    refused('{"error":{"code":"InvalidResourceType"', "rest", "--url", "/subscriptions/{subscriptionId}/nothing?api-version=2022-12-01")
    refused('{"error":{"code":"Request_ResourceNotFound"', "rest", "--url", f"{GRAPH}/v1.0/nothing")
    refused('{"error":"invalid_request","error_description":"AADSTS', "rest", "--url", f"{ARM}/nothing")
