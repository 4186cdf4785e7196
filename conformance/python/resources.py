"""Management, as the operator and as what the operator creates."""

import uuid

import requests
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

from support import (
    ARM, ARM_SCOPE, INFO, LOGIN, SUBSCRIPTION, TENANT, TOKEN_OF_DEFAULT,
    as_workload, claims, client, equal, eventually, operator, raises, scenario, verify,
)

GROUP = "python"
HERE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
MACHINES = f"{HERE}/providers/Microsoft.Compute/virtualMachines"
IDENTITIES = f"{HERE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
PLACE = {"location": "westeurope"}

me = operator()
compute = client(ComputeManagementClient, me, SUBSCRIPTION)
msi = client(ManagedServiceIdentityClient, me, SUBSCRIPTION)
access = client(AuthorizationManagementClient, me, SUBSCRIPTION)
resources = client(ResourceManagementClient, me, SUBSCRIPTION)


def call(token, method, path, api_version, **keywords):
    """One request to management with a bare token."""
    return requests.request(method, ARM + path, params={"api-version": api_version},
                            headers={"Authorization": f"Bearer {token}"}, timeout=20, **keywords)


def read_machine(token, name):
    return call(token, "GET", f"{MACHINES}/{name}", "2024-07-01")


# Subscriptions and groups


@scenario("azure-mgmt-resource-subscriptions: subscriptions, tenants, locations")
def subscriptions():
    reader = client(SubscriptionClient, me)
    found, = [s for s in reader.subscriptions.list() if s.subscription_id == SUBSCRIPTION]
    equal((found.id, found.tenant_id, found.state), (f"/subscriptions/{SUBSCRIPTION}", TENANT, "Enabled"))
    assert found.display_name
    equal(reader.subscriptions.get(SUBSCRIPTION).subscription_id, SUBSCRIPTION)
    assert TENANT in [t.tenant_id for t in reader.tenants.list()]
    places = {place.name: place for place in reader.subscriptions.list_locations(SUBSCRIPTION)}
    equal(places["westeurope"].display_name, "West Europe")


@scenario("azure-mgmt-resource: resource groups")
def groups():
    groups = resources.resource_groups
    equal(groups.check_existence(GROUP), False)
    made = groups.create_or_update(GROUP, {"location": "West Europe", "tags": {"who": "python"}})
    equal((made.name, made.location, made.tags, made.properties.provisioning_state), (GROUP, "westeurope", {"who": "python"}, "Succeeded"))
    equal(groups.check_existence(GROUP.upper()), True)
    equal(groups.update(GROUP, {"tags": {"who": "else"}}).tags, {"who": "else"})
    assert GROUP in [g.name for g in groups.list()]
    equal([g.name for g in groups.list(filter="tagName eq 'who' and tagValue eq 'else'")], [GROUP])
    error = raises(ResourceNotFoundError, groups.get, "none")
    equal(error.error.code, "ResourceGroupNotFound")
    groups.create_or_update("python-gone", PLACE)
    groups.begin_delete("python-gone").result()
    equal(groups.check_existence("python-gone"), False)


# Identities


@scenario("azure-mgmt-msi: create, read, update, list and delete an identity")
def identities():
    users = msi.user_assigned_identities
    made = users.create_or_update(GROUP, "ida", PLACE | {"tags": {"a": "b"}})
    equal((made.name, made.tenant_id, made.type.lower()), ("ida", TENANT, "microsoft.managedidentity/userassignedidentities"))
    again = users.create_or_update(GROUP, "ida", PLACE)
    equal((again.client_id, again.principal_id), (made.client_id, made.principal_id))
    assert uuid.UUID(made.client_id) != uuid.UUID(made.principal_id)
    equal(users.update(GROUP, "ida", {"tags": {"c": "d"}}).tags, {"c": "d"})
    equal(users.get(GROUP, "IDA").client_id, made.client_id)
    users.create_or_update(GROUP, "idb", PLACE)
    equal(sorted(u.name for u in users.list_by_resource_group(GROUP)), ["ida", "idb"])
    assert {"ida", "idb", "demo-user"} <= {u.name for u in users.list_by_subscription()}
    users.create_or_update(GROUP, "idc", PLACE)
    users.delete(GROUP, "idc")
    users.delete(GROUP, "idc")
    error = raises(ResourceNotFoundError, users.get, GROUP, "idc")
    equal(error.error.code, "ResourceNotFound")
    other = users.create_or_update(GROUP, "idc", PLACE)
    users.delete(GROUP, "idc")
    assert other.client_id != made.client_id


@scenario("azure-mgmt-msi: the system-assigned identity of a resource")
def system_identity():
    compute.virtual_machines.begin_create_or_update(GROUP, "vm-msi", PLACE | {"properties": {}, "identity": {"type": "SystemAssigned"}}).result()
    principal = compute.virtual_machines.get(GROUP, "vm-msi").identity.principal_id
    found = msi.system_assigned_identities.get_by_scope(f"{MACHINES}/vm-msi")
    equal((found.principal_id, found.tenant_id), (principal, TENANT))
    compute.virtual_machines.begin_delete(GROUP, "vm-msi").result()


# Machines


def put(name, identity=None, **more):
    body = PLACE | {"properties": {"hardwareProfile": {"vmSize": "Standard_D2s_v5"}}} | more
    if identity is not None:
        body["identity"] = identity
    return compute.virtual_machines.begin_create_or_update(GROUP, name, body).result()


def patch(name, **body):
    return compute.virtual_machines.begin_update(GROUP, name, body).result()


def users_of(machine):
    return sorted(key.rsplit("/", 1)[1].lower() for key in (machine.identity.user_assigned_identities or {}))


@scenario("azure-mgmt-compute: a machine in each of the four identity types")
def four_types():
    ida, idb = f"{IDENTITIES}/ida", f"{IDENTITIES}/idb"
    none = put("none")
    assert none.identity is None, none.identity
    equal((none.provisioning_state, none.location), ("Succeeded", "westeurope"))
    assert none.vm_id
    declared_none = put("none", {"type": "None"})
    assert declared_none.identity is None or declared_none.identity.type == "None"
    system = put("system", {"type": "SystemAssigned"})
    equal((system.identity.type, system.identity.tenant_id), ("SystemAssigned", TENANT))
    assert uuid.UUID(system.identity.principal_id)
    user = put("user", {"type": "UserAssigned", "userAssignedIdentities": {ida: {}, idb: {}}})
    equal((user.identity.type, user.identity.principal_id, users_of(user)), ("UserAssigned", None, ["ida", "idb"]))
    both = put("both", {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {ida: {}}})
    equal((both.identity.type, users_of(both)), ("SystemAssigned, UserAssigned", ["ida"]))
    known = msi.user_assigned_identities.get(GROUP, "ida")
    (shown,) = both.identity.user_assigned_identities.values()
    equal((shown.client_id, shown.principal_id), (known.client_id, known.principal_id))
    equal({"none", "system", "user", "both"} - {m.name for m in compute.virtual_machines.list(GROUP)}, set())
    assert {"demo", "both"} <= {m.name for m in compute.virtual_machines.list_all()}


@scenario("a PUT without an identity keeps it, a PATCH adds, null removes")
def null_rules():
    ida, idb = f"{IDENTITIES}/ida", f"{IDENTITIES}/idb"
    principal = compute.virtual_machines.get(GROUP, "both").identity.principal_id
    kept = put("both", tags={"x": "y"})
    equal((kept.identity.type, kept.identity.principal_id, users_of(kept)), ("SystemAssigned, UserAssigned", principal, ["ida"]))
    added = patch("both", identity={"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {idb: {}}})
    equal((added.identity.principal_id, users_of(added)), (principal, ["ida", "idb"]))
    removed = patch("both", identity={"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {ida: None}})
    equal(users_of(removed), ["idb"])
    same = patch("both", identity={"type": "UserAssigned", "userAssignedIdentities": None})
    equal((same.identity.type, same.identity.principal_id, users_of(same)), ("UserAssigned", None, ["idb"]))
    back = patch("both", identity={"type": "SystemAssigned"})
    equal((back.identity.type, users_of(back)), ("SystemAssigned", []))
    assert back.identity.principal_id != principal, "a new system-assigned identity is another one"
    gone = patch("both", identity={"type": "None", "userAssignedIdentities": None})
    assert gone.identity is None or gone.identity.type == "None"
    tagged = patch("system", tags={"only": "tags"})
    equal((tagged.tags, tagged.identity.type), ({"only": "tags"}, "SystemAssigned"))


@scenario("wrong identity blocks are refused")
def wrong_blocks():
    system = compute.virtual_machines.get(GROUP, "system")
    for identity in (
        {"type": "Nonsense"},
        {"type": "UserAssigned"},
        {"type": "UserAssigned", "userAssignedIdentities": {f"{IDENTITIES}/missing": {}}},
        {"type": "UserAssigned", "userAssignedIdentities": {system.id: {}}},
        {"type": "UserAssigned", "userAssignedIdentities": {"not an id": {}}},
    ):
        error = raises(HttpResponseError, put, "wrong", identity)
        assert error.status_code in (400, 404), f"{identity}: {error.status_code} {error.message}"
    # The library leaves null out.
    null = {"type": "UserAssigned", "userAssignedIdentities": {f"{IDENTITIES}/ida": None}}
    answer = call(me.get_token(ARM_SCOPE).token, "PUT", f"{MACHINES}/wrong", "2024-07-01", json=PLACE | {"properties": {}, "identity": null})
    equal((answer.status_code, answer.json()["error"]["code"]), (400, "InvalidIdentityValues"))
    raises(ResourceNotFoundError, compute.virtual_machines.get, GROUP, "wrong")


@scenario("a password is taken and never returned")
def write_only():
    secret = "Pass-" + uuid.uuid4().hex
    profile = {"computerName": "c", "adminUsername": "me", "adminPassword": secret}
    made = put("secretive", properties={"osProfile": profile, "hardwareProfile": {"vmSize": "Standard_D2s_v5"}})
    equal((made.os_profile.admin_username, made.os_profile.admin_password), ("me", None))
    answer = read_machine(me.get_token(ARM_SCOPE).token, "secretive")
    assert secret not in answer.text and "adminPassword" not in answer.text, answer.text
    compute.virtual_machines.begin_delete(GROUP, "secretive").result()


@scenario("properties are stored as sent")
def as_sent():
    answer = call(me.get_token(ARM_SCOPE).token, "PUT", f"{MACHINES}/odd", "2024-07-01",
                  json=PLACE | {"properties": {"hardwareProfile": {"vmSize": "X"}, "unheardOf": {"Kept": [1, 2.5, None, "ü"]}}})
    equal(answer.status_code, 201)
    equal(read_machine(me.get_token(ARM_SCOPE).token, "odd").json()["properties"]["unheardOf"], {"Kept": [1, 2.5, None, "ü"]})
    compute.virtual_machines.begin_delete(GROUP, "odd").result()


@scenario("a resource of a type without a provider has an identity too")
def generic():
    path = f"{HERE}/providers/Microsoft.ContainerInstance/containerGroups/group1"
    body = PLACE | {"identity": {"type": "SystemAssigned"}, "properties": {"containers": [{"name": "c"}], "osType": "Linux"}}
    made = resources.resources.begin_create_or_update_by_id(path, body, api_version="2023-05-01").result()
    assert uuid.UUID(made.identity.principal_id)
    equal(made.properties["containers"], [{"name": "c"}])
    equal(resources.resources.get_by_id(path, api_version="2023-05-01").identity.principal_id, made.identity.principal_id)
    token = eventually(lambda: as_workload(path, TOKEN_OF_DEFAULT))
    equal(claims(token)["oid"], made.identity.principal_id)
    resources.resources.begin_delete_by_id(path, api_version="2023-05-01").result()
    raises(ResourceNotFoundError, resources.resources.get_by_id, path, api_version="2023-05-01")


# Access


def role(name):
    found = list(access.role_definitions.list(HERE, filter=f"roleName eq '{name}'"))
    equal([r.role_name for r in found], [name])
    return found[0].id


def assign(principal, role_name, scope, name=None):
    body = {"properties": {"principalId": principal, "roleDefinitionId": role(role_name), "principalType": "ServicePrincipal"}}
    return access.role_assignments.create(scope, name or str(uuid.uuid4()), body)


@scenario("azure-mgmt-authorization: role definitions")
def role_definitions():
    reader = role("Reader")
    assert reader.lower().endswith("acdd72a7-3385-48ef-bd42-f606fba81ae7"), reader
    definition = access.role_definitions.get_by_id(reader)
    equal((definition.role_type, definition.permissions[0].actions), ("BuiltInRole", ["*/read"]))
    assert len(list(access.role_definitions.list(HERE))) > 100


@scenario("azure-mgmt-authorization: a custom role is made, changed and deleted, and counts at once")
def custom_roles():
    principal = compute.virtual_machines.get(GROUP, "system").identity.principal_id
    token = eventually(lambda: as_workload(f"{MACHINES}/system", TOKEN_OF_DEFAULT))
    name, scope = str(uuid.uuid4()), HERE

    def write(actions):
        permissions = [{"actions": actions, "notActions": []}]
        body = {"properties": {"roleName": "Machine Reader", "description": "d", "type": "CustomRole",
                               "assignableScopes": [scope], "permissions": permissions}}
        return access.role_definitions.create_or_update(scope, name, body)

    made = write(["Microsoft.Network/*/read"])
    equal((made.role_name, made.role_type, made.assignable_scopes), ("Machine Reader", "CustomRole", [scope]))
    listed = list(access.role_definitions.list(scope, filter="roleName eq 'Machine Reader'"))
    equal([r.id for r in listed], [made.id])
    held = access.role_assignments.create(scope, str(uuid.uuid4()), {
        "properties": {"principalId": principal, "roleDefinitionId": made.id, "principalType": "ServicePrincipal"}})
    equal(read_machine(token, "system").status_code, 403)
    write(["Microsoft.Compute/*/read"])
    equal(read_machine(token, "system").status_code, 200)
    error = raises(HttpResponseError, access.role_definitions.delete, scope, name)
    equal(error.error.code, "RoleDefinitionHasAssignments")
    access.role_assignments.delete_by_id(held.id)
    equal(read_machine(token, "system").status_code, 403)
    equal(access.role_definitions.delete(scope, name).name, name)
    equal(access.role_definitions.delete(scope, name), None)


@scenario("a role counts within five seconds of its assignment, and no longer once deleted")
def role_assignments():
    principal = compute.virtual_machines.get(GROUP, "system").identity.principal_id
    token = eventually(lambda: as_workload(f"{MACHINES}/system", TOKEN_OF_DEFAULT))
    equal(claims(token)["oid"], principal)
    answer = read_machine(token, "system")
    equal((answer.status_code, answer.json()["error"]["code"]), (403, "AuthorizationFailed"))
    # A stranger does not learn what exists.
    equal(read_machine(token, "no-such-machine").status_code, 403)
    made = assign(principal, "Reader", f"{MACHINES}/system")
    equal((made.principal_id, made.scope.lower()), (principal, f"{MACHINES}/system".lower()))
    eventually(lambda: equal(read_machine(token, "system").status_code, 200))
    equal(read_machine(token, "user").status_code, 403)
    error = raises(ResourceExistsError, assign, principal, "Reader", f"{MACHINES}/system")
    equal(error.error.code, "RoleAssignmentExists")
    listed = access.role_assignments.list_for_scope(f"{MACHINES}/system", filter="atScope()")
    assert made.id.lower() in [a.id.lower() for a in listed]
    mine = access.role_assignments.list_for_subscription(filter=f"principalId eq '{principal}'")
    equal([a.name for a in mine], [made.name])
    equal(access.role_assignments.get_by_id(made.id).name, made.name)
    # A role in a subscription lists the subscription.
    visible = call(token, "GET", "/subscriptions", "2022-12-01").json()["value"]
    equal([s["subscriptionId"] for s in visible], [SUBSCRIPTION])
    access.role_assignments.delete(f"{MACHINES}/system", made.name)
    eventually(lambda: equal(read_machine(token, "system").status_code, 403))
    raises(ResourceNotFoundError, access.role_assignments.get_by_id, made.id)


@scenario("a role may be assigned before the identity is attached, and is inherited")
def before_attaching():
    identity = msi.user_assigned_identities.create_or_update(GROUP, "early", PLACE)
    assign(identity.principal_id, "Reader", HERE)
    put("late", {"type": "UserAssigned", "userAssignedIdentities": {identity.id: {}}})
    token = eventually(lambda: as_workload(f"{MACHINES}/late", TOKEN_OF_DEFAULT, identity.client_id))
    eventually(lambda: equal(read_machine(token, "late").status_code, 200))
    equal(read_machine(token, "no-such-machine").status_code, 404)


@scenario("attaching an identity needs the right to assign it: LinkedAuthorizationFailed")
def linked():
    principal = compute.virtual_machines.get(GROUP, "system").identity.principal_id
    token = eventually(lambda: as_workload(f"{MACHINES}/system", TOKEN_OF_DEFAULT))
    assign(principal, "Virtual Machine Contributor", HERE)

    def attach():
        return call(token, "PATCH", f"{MACHINES}/none", "2024-07-01",
                    json={"identity": {"type": "UserAssigned", "userAssignedIdentities": {f"{IDENTITIES}/ida": {}}}})

    eventually(lambda: equal(attach().json()["error"]["code"], "LinkedAuthorizationFailed"))
    equal(attach().status_code, 403)
    assign(principal, "Managed Identity Operator", f"{IDENTITIES}/ida")
    eventually(lambda: equal(attach().status_code, 200))
    # Nobody hands out roles who may only manage machines.
    grant = call(token, "PUT", f"{HERE}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}", "2022-04-01",
                 json={"properties": {"principalId": principal, "roleDefinitionId": role("Owner")}})
    equal((grant.status_code, grant.json()["error"]["code"]), (403, "AuthorizationFailed"))


# The end of identities


@scenario("an attached identity is deleted: its tokens end, the machine goes on, null removes the entry")
def delete_attached():
    identity = msi.user_assigned_identities.get(GROUP, "early")
    token = as_workload(f"{MACHINES}/late", TOKEN_OF_DEFAULT, identity.client_id)
    equal(read_machine(token, "late").status_code, 200)
    msi.user_assigned_identities.delete(GROUP, "early")
    eventually(lambda: equal(read_machine(token, "late").status_code, 401))

    def refused():
        error = raises(RuntimeError, as_workload, f"{MACHINES}/late", TOKEN_OF_DEFAULT, identity.client_id)
        assert "CredentialUnavailableError" in str(error) or "ClientAuthenticationError" in str(error), error

    eventually(refused)
    equal(patch("late", tags={"still": "updates"}).tags, {"still": "updates"})
    clean = patch("late", identity={"type": "UserAssigned", "userAssignedIdentities": {identity.id: None}})
    assert clean.identity is None or not clean.identity.user_assigned_identities


def graph(token, method, path, **keywords):
    """One request to Microsoft Graph with a bare token."""
    return requests.request(method, f"{INFO['endpoints']['graph']}/v1.0{path}",
                            headers={"Authorization": f"Bearer {token}"}, timeout=20, **keywords)


@scenario("Microsoft Graph: service principals by name, by id and by pages, as az and PowerShell ask")
def directory():
    principal = compute.virtual_machines.get(GROUP, "system").identity.principal_id
    token = me.get_token("https://graph.microsoft.com/.default").token
    by_id = graph(token, "GET", f"/servicePrincipals/{principal}").json()
    equal(by_id["servicePrincipalType"], "ManagedIdentity")
    equal(by_id["alternativeNames"][0], "isExplicit=False")
    equal(by_id["alternativeNames"][1].lower(), f"{MACHINES}/system".lower())
    for text in ("servicePrincipalNames/any(c:c eq '{}')", "servicePrincipalNames/any(c: c eq '{}')", "AppId eq '{}'"):
        found = graph(token, "GET", "/servicePrincipals", params={"$filter": text.format(by_id["appId"])}).json()
        equal([item["id"] for item in found["value"]], [principal])
    asked = {"ids": [principal, str(uuid.uuid4())], "types": ["user", "group", "servicePrincipal"]}
    for name in ("getByIds", "microsoft.graph.getByIds"):
        found = graph(token, "POST", f"/directoryObjects/{name}", json=asked).json()["value"]
        equal([(item["@odata.type"], item["id"]) for item in found], [("#microsoft.graph.servicePrincipal", principal)])
    page = graph(token, "GET", "/servicePrincipals", params={"$top": "2", "$select": "id"}).json()
    items = page["value"]
    while "@odata.nextLink" in page:
        equal(len(page["value"]), 2)
        page = requests.get(page["@odata.nextLink"], headers={"Authorization": f"Bearer {token}"}, timeout=20).json()
        items += page["value"]
    assert {"id": principal} in items, items
    equal(len({item["id"] for item in items}), len(items))
    missing = graph(token, "GET", f"/servicePrincipals/{uuid.uuid4()}")
    equal((missing.status_code, missing.json()["error"]["code"]), (404, "Request_ResourceNotFound"))
    code = TOKEN_OF_DEFAULT.replace("https://management.azure.com/", "https://graph.microsoft.com/")
    denied = graph(as_workload(f"{MACHINES}/system", code), "GET", f"/servicePrincipals/{principal}")
    equal((denied.status_code, denied.json()["error"]["code"]), (403, "Authorization_RequestDenied"))
    wrong = graph(me.get_token(ARM_SCOPE).token, "GET", "/servicePrincipals")
    equal((wrong.status_code, wrong.json()["error"]["code"]), (401, "InvalidAuthenticationToken"))


@scenario("a machine is deleted: its service principal, its roles and its tokens end with it")
def delete_machine():
    machine = put("short", {"type": "SystemAssigned"})
    assign(machine.identity.principal_id, "Reader", HERE)
    token = eventually(lambda: as_workload(f"{MACHINES}/short", TOKEN_OF_DEFAULT))
    eventually(lambda: equal(read_machine(token, "short").status_code, 200))
    compute.virtual_machines.begin_delete(GROUP, "short").result()
    raises(ResourceNotFoundError, compute.virtual_machines.get, GROUP, "short")
    eventually(lambda: equal(read_machine(token, "system").status_code, 401))
    eventually(lambda: raises(RuntimeError, as_workload, f"{MACHINES}/short", TOKEN_OF_DEFAULT))
    again = put("short", {"type": "SystemAssigned"})
    assert again.identity.principal_id != machine.identity.principal_id
    equal(read_machine(token, "short").status_code, 401)


@scenario("a group is deleted with everything in it")
def delete_group():
    principal = compute.virtual_machines.get(GROUP, "system").identity.principal_id
    token = as_workload(f"{MACHINES}/system", TOKEN_OF_DEFAULT)
    resources.resource_groups.begin_delete(GROUP).result()
    equal(resources.resource_groups.check_existence(GROUP), False)
    equal(list(access.role_assignments.list_for_subscription(filter=f"principalId eq '{principal}'")), [])
    eventually(lambda: equal(call(token, "GET", "/subscriptions", "2022-12-01").status_code, 401))


@scenario("a wrong token is refused with a challenge")
def challenged():
    answer = call("a.b.c", "GET", f"/subscriptions/{SUBSCRIPTION}", "2022-12-01")
    equal(answer.status_code, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer "), answer.headers
    assert f"{LOGIN}/{TENANT}" in answer.headers["WWW-Authenticate"], answer.headers
    stranger = ClientSecretCredential(TENANT, INFO["operator"]["clientId"], open(INFO["operator"]["secretFile"]).read().strip(),
                                      authority=LOGIN, disable_instance_discovery=True)
    elsewhere = stranger.get_token("https://vault.azure.net/.default").token
    equal(call(elsewhere, "GET", "/subscriptions", "2022-12-01").status_code, 401)
