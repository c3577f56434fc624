"""The Terraform tests of the modules, and conventions that all modules follow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_cloud import aws
from tests.support.terraform import OpenRoot
from tools import readme
from tools.hcl import MODULES, NAMES, REPOSITORY, files, inputs, inputs_of

SHARED = {"kms_key", "kms_key_arn", "log_retention_days", "name", "permissions_boundary_arn", "tags"}


@pytest.mark.timeout(1800)  # slow: Terraform needs a second to plan each run block
@pytest.mark.parametrize("module", NAMES)
def test_terraform_tests_pass(module: str, modules: Path, open_root: OpenRoot) -> None:
    for path in (modules / module / "tests").glob("validation*.tftest.hcl"):
        path.unlink()
    root = open_root(modules / module)
    root.setup()
    root.execute_command("test", "-no-color")


@pytest.mark.parametrize("module", NAMES)
def test_terraform_tests_of_the_validations_pass(module: str, modules: Path, open_root: OpenRoot) -> None:
    """Keep only the variables and their locals, because Terraform starts no provider without resources."""
    folder = modules / module
    for path in (*folder.glob("*.tf"), *folder.glob("tests/*.tftest.hcl")):
        if not path.name.startswith(("validation", "variables")):
            path.unlink()
    root = open_root(folder)
    root.setup()
    done = root.execute_command("test", "-no-color")
    assert re.search(r"Success! [1-9]\d+ passed, 0 failed", done.out)


EXAMPLES = [(module, number) for module in NAMES for number in range(len(readme.examples(module)))]


@pytest.mark.parametrize(("module", "number"), EXAMPLES)
def test_readme_example_creates_the_number_of_resources_in_its_last_line(
    module: str, number: int, tmp_path: Path, modules: Path, open_root: OpenRoot, cloud: aws.Cloud
) -> None:
    example = readme.examples(module)[number]
    promise = re.fullmatch(r"# tested: resources=(\d+)", example.rstrip().splitlines()[-1])
    assert promise, "the last line of an example must be: # tested: resources=NUMBER"
    folder = tmp_path / "examples/readme"
    readme.write_example(folder, example)
    root = open_root(folder, **cloud.environment)
    root.execute_command("fmt", "-check", "-diff")
    root.setup()
    # Read the plan as text. To write the plan as JSON, Terraform would read all schemas again, which takes a
    # second.
    planned = root.plan()
    # Do not count the files of the engine. Otherwise each new file of the engine would change the number in
    # the README.
    engine = len(re.findall(r"\.aws_s3_object\.runtime\[\S+ will be created", planned))
    counted = re.search(r"Plan: (\d+) to add, 0 to change, 0 to destroy", planned)
    assert counted
    assert int(counted[1]) - engine == int(promise[1])


@pytest.mark.parametrize("module", NAMES)
def test_readme_tables_are_up_to_date(module: str) -> None:
    text = (MODULES / module / "README.md").read_text()
    assert text == readme.written(module, text), "run `make docs`"


@pytest.mark.parametrize("module", NAMES)
def test_every_validation_has_a_terraform_test_that_violates_it(module: str) -> None:
    expected = [
        failures
        for path in (MODULES / module / "tests").glob("validation*.tftest.hcl")
        for failures in re.findall(r"expect_failures = \[(.*?)\]", path.read_text(), flags=re.DOTALL)
    ]
    for given in inputs(module):
        broken = sum(bool(re.search(rf"\bvar\.{given.name}\b", failures)) for failures in expected)
        assert broken >= given.validations, f"{given.name}: {given.validations} validations, {broken} runs"


@pytest.mark.parametrize("module", NAMES)
def test_description_of_a_variable_describes_each_attribute(module: str) -> None:
    for given in inputs(module):
        assert given.described == _required_first(given.attributes, given.type), given.name


def _required_first(attributes: list[str], kind: str) -> list[str]:
    optional = set(re.findall(r"(\w+)\s+= optional\(", kind))
    return sorted(set(attributes) - optional) + sorted(optional)


@pytest.mark.parametrize("module", NAMES)
def test_variables_are_in_alphabetical_order_with_required_variables_first(module: str) -> None:
    for path in files(module, "variable"):
        given = inputs_of(path)
        required = [i.name for i in given if i.default is None]
        optional = [i.name for i in given if i.default is not None]
        assert [i.name for i in given] == sorted(required) + sorted(optional)


# Shared variables that a module does not have, because they would have no effect there. Each module has only
# one of the two variables for a key: `kms_key_arn` is required, and `kms_key` may be null. `kms_key` is an
# object, because `count` must be known at plan time.
WITHOUT = {
    "failure-alerts": {"kms_key_arn"},
    "glue-extract": {"kms_key"},
    "kms-bucket": {"kms_key_arn", "log_retention_days"},
    "sftp-transfer": {"kms_key"},
}
# In kms-bucket, the input `name` is also the exact name of the bucket, so the input has its own description.
OWN_DESCRIPTION = {("kms-bucket", "name")}


def test_shared_variables_have_the_same_description_and_type_in_all_modules() -> None:
    for name in SHARED:
        given = {m: i for m in NAMES for i in inputs(m) if i.name == name}
        assert given.keys() == {m for m in NAMES if name not in WITHOUT.get(m, set())}, name
        assert len({i.type for i in given.values()}) == 1, name
        assert len({i.description for m, i in given.items() if (m, name) not in OWN_DESCRIPTION}) == 1, name


def test_no_variable_has_type_any() -> None:
    assert not [f"{m}.{i.name}" for m in NAMES for i in inputs(m) if re.search(r"\bany\b", i.type)]


def test_all_modules_require_the_same_versions_of_terraform_and_providers() -> None:
    assert len({(MODULES / m / "versions.tf").read_text() for m in NAMES}) == 1


# `aws_vpc_endpoint` reads the DNS names of the VPC endpoint that AWS Transfer Family creates for a server.
# The resource of the server does not have these names. `aws_ssm_parameter` reads the ID of the newest image
# of Amazon Linux.
DATA = {"aws_caller_identity", "aws_partition", "aws_region", "aws_ssm_parameter", "aws_vpc_endpoint"}


def test_modules_use_only_the_listed_data_sources() -> None:
    texts = [path.read_text() for m in NAMES for path in (MODULES / m).glob("*.tf")]
    asked = {kind for text in texts for kind in re.findall(r'^data "(\w+)"', text, flags=re.MULTILINE)}
    assert asked <= DATA


def test_trust_policies_of_all_services_except_ec2_require_the_source_account() -> None:
    trusts = [
        (f"{path.parent.name}/{path.name}", trust)
        for module in NAMES
        for path in (MODULES / module).glob("*.tf")
        for trust in re.findall(r'"sts:AssumeRole"(.*?)\n +}]', path.read_text(), flags=re.DOTALL)
    ]
    assert len(trusts) > 10
    # Only the role of the EC2 instance does not require the source account, because EC2 sends no source
    # account. This is safe, because a role can be passed only to an instance of the same account.
    unnamed = [where for where, trust in trusts if '"aws:SourceAccount"' not in trust]
    assert unnamed == ["sftp-transfer/instance-iam.tf"]


def test_modules_define_the_hosts_of_the_aws_console_in_the_same_way() -> None:
    texts = [path.read_text() for module in NAMES for path in (MODULES / module).glob("*.tf")]
    rule = re.compile(r"  # AWS documents the console hosts.*?\n  _console  +=.*?\n", re.DOTALL)
    rules = [rule.search(text) for text in texts]
    found = [match[0] for match in rules if match]
    assert len(found) == 2
    assert found[0] == found[1]


def test_every_skipped_checkov_check_has_a_reason() -> None:
    texts = [
        path.read_text() for folder in ("modules", "examples") for path in (REPOSITORY / folder).rglob("*.tf")
    ]
    skips = [line for text in texts for line in re.findall(r"checkov:skip.*", text)]
    assert skips
    assert not [
        skip for skip in skips if not re.fullmatch(r"checkov:skip=CKV2?_(AWS|TF)_\d+: \w.{15,}", skip)
    ]


def test_hcl_is_formatted(open_root: OpenRoot) -> None:
    for folder in ("modules", "examples", "tests/integration/modules/usage"):
        open_root(REPOSITORY / folder).execute_command("fmt", "-check", "-recursive", "-diff")


def test_no_line_of_hcl_is_longer_than_100_columns() -> None:
    lines = {
        f"{path.relative_to(REPOSITORY)}:{number}": line
        for top in ("modules", "examples")
        for kind in ("tf", "hcl")
        for path in (REPOSITORY / top).rglob(f"*.{kind}")
        if ".terraform" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), start=1)
    }
    assert len(lines) > 1000
    assert not [where for where, line in lines.items() if len(line) > 100]
