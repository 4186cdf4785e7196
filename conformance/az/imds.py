"""The metadata endpoint at its real address."""

import metadata  # noqa: F401
from support import run

run()
