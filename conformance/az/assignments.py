"""Role assignments. Follows azure-cli's `test_role_assignment_scenario`, `test_role_assignment_create_using_principal_type`,
`test_role_assignment_no_graph` and `test_role_assignment_handle_conflicted_assignments`. Most of them return at once when a service
principal is signed in; here one always is, and a machine shows what its role lets it do."""

from scenarios import scenario
from support import (
    ALL, GROUPS, NOBODY, OPERATOR, az, configuration, equal, eventually, group, machine, refused, same, settings, token_of,
)
import os

HERE = ("--resource-group", "az-assignments")
GROUP = f"{GROUPS}/az-assignments"
SCOPE = ("--scope", GROUP)
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
# The API that `up` registers.
API = "api://conformance"


def identity():
    return az("identity", "show", *HERE, "--name", "ida")


def of(user):
    return az("role", "assignment", "list", "--all", "--assignee", user["clientId"])


@scenario("create --assignee, list --all and --include-inherited, a stranger")
def by_assignee():
    group("az-assignments")
    az("identity", "create", *HERE, "--name", "ida")
    user = identity()
    made = az("role", "assignment", "create", "--assignee", user["clientId"], "--role", "Reader", *SCOPE)
    equal((made["principalId"], made["principalType"], made["scope"]), (user["principalId"], "ServicePrincipal", GROUP))
    equal([(item["roleDefinitionName"], item["principalName"]) for item in of(user)], [("Reader", user["clientId"])])
    inherited = az("role", "assignment", "list", *SCOPE, "--include-inherited")
    owner, = [item for item in inherited if item["principalName"] == OPERATOR and item["roleDefinitionName"] == "Owner"]
    assert len(owner["scope"]) < len(GROUP), owner
    refused("Cannot find user or service principal in graph database", "role", "assignment", "create", "--assignee", NOBODY, "--role", "Reader", *SCOPE)


@scenario("create again is no error and changes nothing; a role that does not exist is one", ALL)
def again():
    user = identity()
    before, = of(user)
    repeated = az("role", "assignment", "create", "--assignee", user["clientId"], "--role", READER, *SCOPE)
    equal((repeated["id"], len(of(user))), (before["id"], 1))
    refused("RoleDefinitionDoesNotExist", "role", "assignment", "create", "--assignee", user["clientId"], "--role", NOBODY, *SCOPE)
    refused("doesn't exist", "role", "assignment", "create", "--assignee", user["clientId"], "--role", "No such role", *SCOPE)


@scenario("at a resource, and to the name of a registered API", ALL)
def at_a_resource():
    user = identity()
    vm = machine("az-assignments", "vm-assignments")
    by_uri = az("role", "assignment", "create", "--assignee", API, "--role", "Contributor", *SCOPE)
    equal(by_uri["principalId"], az("ad", "sp", "show", "--id", API)["id"])
    by_id = az("role", "assignment", "create", "--assignee-object-id", user["principalId"], "--assignee-principal-type", "ServicePrincipal",
               "--role", READER, "--scope", vm)
    same(by_id["scope"], vm)
    equal(len(of(user)), 2)
    equal(len(az("role", "assignment", "list", *SCOPE)), 2)
    equal([item["id"] for item in az("role", "assignment", "list", "--scope", vm)], [by_id["id"]])
    equal(len(az("role", "assignment", "list", "--scope", vm, "--include-inherited", "--assignee", user["clientId"])), 2)
    az("role", "assignment", "delete", "--ids", by_uri["id"], by_id["id"])
    equal(len(of(user)), 1)


@scenario("without Graph, --assignee-object-id with its type, list and delete ask nobody", ALL)
def without_graph():
    user = identity()
    with settings(AZURE_CONFIG_DIR=configuration("without-graph", of=os.environ["AZURE_CONFIG_DIR"])):
        az("cloud", "update", "--name", "Here", "--endpoint-microsoft-graph-resource-id", "https://localhost:1")
        given = ("--assignee-object-id", user["principalId"], "--assignee-principal-type", "ServicePrincipal")
        made = az("role", "assignment", "create", *given, "--role", "Contributor", *SCOPE)
        equal(made["principalId"], user["principalId"])
        listed = az("role", "assignment", "list", *SCOPE, "--fill-principal-name", "false")
        assert made["id"] in [item["id"] for item in listed], listed
        az("role", "assignment", "delete", "--ids", made["id"])
        refused("localhost", "role", "assignment", "create", "--assignee", user["clientId"], "--role", "Contributor", *SCOPE)


@scenario("a machine may what its role grants from then on, and no longer once it is taken away", ALL)
def takes_effect():
    vm = machine("az-assignments", "vm-assignments")
    az("vm", "identity", "assign", "--ids", vm)
    principal = az("vm", "identity", "show", "--ids", vm)["principalId"]
    asked = ("rest", "--url", f"{GROUP}?api-version=2022-09-01", "--skip-authorization-header",
             "--headers", f"Authorization=Bearer {eventually(lambda: token_of('vm-assignments'))}")
    refused("AuthorizationFailed", *asked)
    az("role", "assignment", "create", "--assignee-object-id", principal, "--assignee-principal-type", "ServicePrincipal", "--role", "Reader", *SCOPE)
    same(az(*asked)["id"], GROUP)
    refused("AuthorizationFailed", *asked, "--method", "put", "--body", '{"location": "westeurope"}')
    az("role", "assignment", "delete", "--assignee", principal, "--role", "Reader", *SCOPE)
    refused("AuthorizationFailed", *asked)


@scenario("a condition of one's own is refused", ALL)
def conditions():
    refused("ConditionNotSupported", "role", "assignment", "create", "--assignee", identity()["clientId"], "--role", "Reader", *SCOPE,
            "--condition-version", "2.0", "--condition",
            "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'x'")


@scenario("delete")
def deleted():
    user = identity()
    az("role", "assignment", "delete", "--assignee", user["clientId"], "--role", "Reader", *SCOPE)
    equal(of(user), [])
    az("group", "delete", "--name", "az-assignments", "--yes", "--no-wait")


@scenario("deny-assignment list is empty", ALL)
def denied():
    equal(az("role", "deny-assignment", "list"), [])
