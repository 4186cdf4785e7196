"""The metadata endpoint at its real address."""

import os

from support import installed, run, scenario


@scenario("the machine has no other source of identity")
def bare():
    found = [name for name in os.environ if name.startswith(("IDENTITY_", "MSI_", "IMDS_", "AZURE_POD_IDENTITY"))]
    assert not found, found


# Their scenarios come after the one above, in this order.
import metadata_scenarios  # noqa: E402,F401
import aio_scenarios  # noqa: E402,F401
import msal_metadata  # noqa: E402,F401
if installed("msrestazure"):
    import legacy_imds  # noqa: E402,F401
if installed("google.auth"):
    import google_imds  # noqa: E402,F401

run()
