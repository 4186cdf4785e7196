"""google-auth, which takes a managed identity's token to another cloud. gcloud writes the file that it reads."""

from google.auth import exceptions, identity_pool
from google.auth.transport.requests import Request

from metadata_scenarios import NOBODY, SYSTEM, USER_CLIENT
from support import claims, equal, raises, scenario


def subject_token(more=""):
    """What would be exchanged: the token as the credential source says to get it."""
    source = {
        "url": "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/" + more,
        # As `gcloud iam workload-identity-pools create-cred-config --azure` spells it.
        "headers": {"Metadata": "True"},
        "format": {"type": "json", "subject_token_field_name": "access_token"},
    }
    pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/azure"
    credentials = identity_pool.Credentials(pool, "urn:ietf:params:oauth:token-type:jwt", credential_source=source)
    return credentials.retrieve_subject_token(Request())


@scenario("google-auth identity_pool: a token with the header as gcloud spells it")
def token():
    equal(claims(subject_token())["oid"], SYSTEM)
    equal(claims(subject_token(f"&client_id={USER_CLIENT}"))["appid"], USER_CLIENT)
    raises(exceptions.RefreshError, subject_token, f"&client_id={NOBODY}")
