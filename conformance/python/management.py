"""Login and management, as the operator and as what the operator creates."""

from support import VERSION, installed, run

# Before, it asked the public cloud whether the authority is one.
if VERSION >= (1, 13):
    import sign_in  # noqa: F401

# The libraries below and before azure-identity.
import msal_sign_in  # noqa: F401
if installed("adal"):
    import legacy_sign_in  # noqa: F401

if installed("azure.mgmt.msi"):
    import resources  # noqa: F401

run()
