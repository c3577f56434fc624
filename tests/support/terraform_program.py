"""The program `terraform` for programs that tests start. Its commands use the shared provider.

Arguments: the socket of the fixture `terraform_program`, the command that starts Terraform, and Terraform's
arguments. This program imports only the standard library, so that Python starts fast.
"""

import json
import os
import socket
import sys
from pathlib import Path

OWN = ("", "fmt", "init", "version")  # commands that need no provider, or only install it


def main(address: str, terraform: str, *arguments: str) -> None:
    """Get the variables that let Terraform use the provider, and replace this process with Terraform."""
    folders = [word.partition("=")[2] for word in arguments if word.startswith("-chdir=")]
    verb = next((word for word in arguments if not word.startswith("-")), "")
    if verb not in OWN:
        request = {"folder": str(Path(*folders).resolve()), "environment": dict(os.environ)}
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(address)
            with asked.makefile("rw") as lines:
                print(json.dumps(request), file=lines, flush=True)
                os.environ.update(json.loads(lines.readline()))
    os.execvp(terraform, [terraform, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
