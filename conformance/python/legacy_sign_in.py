"""ADAL for Python and msrestazure, which went before MSAL and azure-identity."""

import uuid

import adal
import requests
from msrestazure.azure_active_directory import AdalAuthentication
from msrestazure.azure_cloud import get_cloud_from_metadata_endpoint

from msal_sign_in import OPERATOR, PEM, SECRET, THUMBPRINT
from support import ARM, LOGIN, SUBSCRIPTION, TENANT, claims, equal, raises, scenario

RESOURCE = "https://management.azure.com/"


def context():
    # Otherwise it asks the public cloud whether the authority is one.
    return adal.AuthenticationContext(f"{LOGIN}/{TENANT}", validate_authority=False)


@scenario("adal.AuthenticationContext: secret and certificate")
def signs_in():
    for token in (
        context().acquire_token_with_client_credentials(RESOURCE, OPERATOR, SECRET),
        context().acquire_token_with_client_certificate(RESOURCE, OPERATOR, PEM, THUMBPRINT),
        context().acquire_token_with_client_certificate(RESOURCE, OPERATOR, PEM, THUMBPRINT, PEM),
    ):
        equal(claims(token["accessToken"])["appid"], OPERATOR)


@scenario("adal: wrong secret, unknown application, unknown resource")
def refused():
    for client_id, secret, resource, code in (
        (OPERATOR, "wrong", RESOURCE, "AADSTS7000215"),
        (str(uuid.uuid4()), SECRET, RESOURCE, "AADSTS700016"),
        (OPERATOR, SECRET, "https://nobody.example", "AADSTS500011"),
    ):
        error = raises(adal.AdalError, context().acquire_token_with_client_credentials, resource, client_id, secret)
        assert code in str(error), str(error)


@scenario("msrestazure: the cloud's addresses from the metadata document of 2015, and a signed session")
def cloud():
    endpoints = get_cloud_from_metadata_endpoint(ARM).endpoints
    equal(endpoints.active_directory.rstrip("/"), LOGIN)
    signed = AdalAuthentication(context().acquire_token_with_client_credentials, endpoints.active_directory_resource_id, OPERATOR, SECRET)
    answer = signed.signed_session(requests.Session()).get(f"{ARM}/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01", timeout=20)
    equal(answer.status_code, 200)
