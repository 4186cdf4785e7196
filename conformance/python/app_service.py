"""The App Service endpoint of `bonafide exec`."""

import os

from support import DEMO, TOKEN_OF_DEFAULT, as_workload, claims, equal, installed, run, scenario


@scenario("exec sets the variables that SDKs look for")
def variables():
    assert os.environ["IDENTITY_ENDPOINT"].startswith("http://127.0.0.1:") or os.environ["IDENTITY_ENDPOINT"].startswith(
        "http://localhost:"
    ), os.environ["IDENTITY_ENDPOINT"]
    assert len(os.environ["IDENTITY_HEADER"]) >= 32, "a short secret"


import metadata_scenarios  # noqa: E402
import aio_scenarios  # noqa: E402,F401
import msal_metadata  # noqa: E402,F401
if installed("msrestazure"):
    import legacy_app_service  # noqa: E402,F401


@scenario("exec -- python -c …DefaultAzureCredential… by name and by id")
def one_line():
    equal(claims(as_workload("demo", TOKEN_OF_DEFAULT))["oid"], metadata_scenarios.SYSTEM)
    equal(claims(as_workload(DEMO, TOKEN_OF_DEFAULT))["oid"], metadata_scenarios.SYSTEM)
    equal(claims(as_workload("demo", TOKEN_OF_DEFAULT, metadata_scenarios.USER_CLIENT))["oid"], metadata_scenarios.USER_OBJECT)


run()
