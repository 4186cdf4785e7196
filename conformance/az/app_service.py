"""The App Service endpoint of `bonafide exec`. A later az outside of exec fails in itself, for its variables are gone."""

import metadata  # noqa: F401
from support import run

run()
