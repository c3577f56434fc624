"""The modules as they are written: checked by Terraform's own tests, and held to one hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_cloud import aws
from tests.support.terraform import OpenRoot
from tools import readme
from tools.hcl import MODULES, NAMES, REPOSITORY, files, inputs, inputs_of

SHARED = {"kms_key", "kms_key_arn", "log_retention_days", "name", "permissions_boundary_arn", "tags"}


@pytest.mark.timeout(1800)  # Terraform starts the provider anew for each of some hundred runs
@pytest.mark.parametrize("module", NAMES)
def test_terraform_tests_pass(module: str, modules: Path, open_root: OpenRoot) -> None:
    root = open_root(modules / module)
    root.setup()
    root.execute_command("test", "-no-color")


EXAMPLES = [(module, number) for module in NAMES for number in range(len(readme.examples(module)))]


@pytest.mark.parametrize(("module", "number"), EXAMPLES)
def test_example_of_the_readme_makes_as_many_resources_as_it_says(
    module: str, number: int, tmp_path: Path, modules: Path, open_root: OpenRoot, cloud: aws.Cloud
) -> None:
    example = readme.examples(module)[number]
    promise = re.fullmatch(r"# tested: resources=(\d+)", example.rstrip().splitlines()[-1])
    assert promise, "the last line of an example says how many resources it makes"
    folder = tmp_path / "examples/readme"
    readme.write_example(folder, example)
    root = open_root(folder, **cloud.environment)
    root.execute_command("fmt", "-check", "-diff")
    root.setup()
    # Not as JSON: to show a saved plan, Terraform starts the provider once more, which takes a second.
    planned = root.plan()
    # The engine's modules are counted apart: a new one must not change the README.
    engine = len(re.findall(r"\.aws_s3_object\.runtime\[\S+ will be created", planned))
    counted = re.search(r"Plan: (\d+) to add, 0 to change, 0 to destroy", planned)
    assert counted
    assert int(counted[1]) - engine == int(promise[1])


@pytest.mark.parametrize("module", NAMES)
def test_tables_of_the_readme_are_what_the_module_says(module: str) -> None:
    text = (MODULES / module / "README.md").read_text()
    assert text == readme.written(module, text), "run `make docs`"


@pytest.mark.parametrize("module", NAMES)
def test_every_rule_is_broken_by_a_run(module: str) -> None:
    runs = (MODULES / module / "tests/validation.tftest.hcl").read_text()
    expected = re.findall(r"expect_failures = \[(.*?)\]", runs, flags=re.DOTALL)
    for given in inputs(module):
        broken = sum(bool(re.search(rf"\bvar\.{given.name}\b", failures)) for failures in expected)
        assert broken >= given.validations, f"{given.name}: {given.validations} rules, {broken} runs"


@pytest.mark.parametrize("module", NAMES)
def test_every_attribute_is_described(module: str) -> None:
    for given in inputs(module):
        assert given.described == _required_first(given.attributes, given.type), given.name


def _required_first(attributes: list[str], kind: str) -> list[str]:
    optional = set(re.findall(r"(\w+)\s+= optional\(", kind))
    return sorted(set(attributes) - optional) + sorted(optional)


@pytest.mark.parametrize("module", NAMES)
def test_inputs_come_required_first_and_by_the_alphabet(module: str) -> None:
    for path in files(module, "variable"):
        given = inputs_of(path)
        required = [i.name for i in given if i.default is None]
        optional = [i.name for i in given if i.default is not None]
        assert [i.name for i in given] == sorted(required) + sorted(optional)


# What is not there because there is nothing for it: an input that does nothing would be a lie.
# A key is either required, or an object that may be null: `count` must know whether there is one.
WITHOUT = {
    "failure-alerts": {"kms_key_arn"},
    "glue-extract": {"kms_key"},
    "kms-bucket": {"kms_key_arn", "log_retention_days"},
    "sftp-transfer": {"kms_key"},
}


def test_shared_inputs_are_there_with_the_same_words_and_type_everywhere() -> None:
    for name in SHARED:
        given = {m: i for m in NAMES for i in inputs(m) if i.name == name}
        assert given.keys() == {m for m in NAMES if name not in WITHOUT.get(m, set())}, name
        assert len({(i.description, i.type) for i in given.values()}) == 1, name


def test_no_input_takes_just_anything() -> None:
    assert not [f"{m}.{i.name}" for m in NAMES for i in inputs(m) if re.search(r"\bany\b", i.type)]


def test_all_modules_ask_for_the_same_versions() -> None:
    assert len({(MODULES / m / "versions.tf").read_text() for m in NAMES}) == 1


# What only a data source knows: Transfer Family creates the VPC endpoint of a server, and the resource of
# the server does not give out its DNS names.
DATA = {"aws_caller_identity", "aws_partition", "aws_region", "aws_vpc_endpoint"}


def test_data_is_asked_of_the_account_alone() -> None:
    texts = [path.read_text() for m in NAMES for path in (MODULES / m).glob("*.tf")]
    asked = {kind for text in texts for kind in re.findall(r'^data "(\w+)"', text, flags=re.MULTILINE)}
    assert asked <= DATA


def test_every_skipped_check_says_why() -> None:
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
