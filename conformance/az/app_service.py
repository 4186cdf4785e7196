"""The App Service endpoint of `bonafide exec`. A later az outside of exec fails in itself, for its variables are gone."""

from metadata import main

main("app-service")
