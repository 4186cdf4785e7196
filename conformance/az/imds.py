"""The metadata endpoint at its real address."""

from metadata import main

main("imds")
