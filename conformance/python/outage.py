"""Asks for one token after the other, by new credentials, and prints each: until there is the file LOOP_UNTIL, of the resources
api://outage/0 to LOOP_RESOURCES - 1, so that no cache of a library's answers."""

import os
import time

from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

UNTIL, RESOURCES = os.environ["LOOP_UNTIL"], int(os.environ["LOOP_RESOURCES"])
KINDS = (ManagedIdentityCredential, DefaultAzureCredential)
KEPT = [kind() for kind in KINDS]

number = 0
while not os.path.exists(UNTIL):
    for credential in [*KEPT, *(kind() for kind in KINDS)]:
        try:
            token = credential.get_token(f"api://outage/{number % RESOURCES}/.default").token
            print("token", type(credential).__name__, token, flush=True)
        except Exception as error:
            print("failed", type(credential).__name__, " ".join(str(error).split())[:600], flush=True)
        number += 1
    time.sleep(0.2)
