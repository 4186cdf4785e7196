"""The metadata endpoint at its real address."""

import os

from support import run, scenario


@scenario("the machine has no other source of identity")
def bare():
    found = [name for name in os.environ if name.startswith(("IDENTITY_", "MSI_", "IMDS_", "AZURE_POD_IDENTITY"))]
    assert not found, found


import metadata_scenarios  # noqa: E402,F401  its scenarios come after the one above

run()
