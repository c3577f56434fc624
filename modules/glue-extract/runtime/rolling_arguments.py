"""Read the arguments of the job, without the library awsglue.

The function `getResolvedOptions` of Glue makes every named option required and does not exist outside Glue.
So the engine reads `sys.argv`. It reads its own arguments, ignores the arguments of Glue, and refuses
arguments that are probably typing errors. If it ignored `--restat`, it would not restate the period, and
nobody would notice.
"""

from __future__ import annotations

import difflib
import os
import posixpath
import uuid
from dataclasses import dataclass
from datetime import datetime, tzinfo

from rolling_errors import ExtractError, harmless
from rolling_period import Period, between, last_complete

_VALUES = (
    *("connection", "jdbc-url", "iam-user", "ca-certificate", "database-url", "output"),
    *("period", "from", "to", "reason", "statement-timeout", "lock-timeout"),
    *("pgp-keys", "pgp-keys-sha256", "job-security-configuration"),
)
_FLAGS = ("restate", "allow-incomplete", "dry-run")
# The engine removes these characters from both ends of every value except --reason. facts.jsonata of
# failure-alerts removes the same characters. If the engine removed more kinds of spaces, the alerts could not
# read the month of a run.
_BLANKS = " \t\n\r\f\v"

# Arguments that Glue and its workflows add to the command line, and that resemble an argument of the engine.
# The check for typing errors accepts the names in this list. Other arguments of Glue, such as `enable-*`,
# resemble no argument of the engine.
_GLUE = (
    "conf", "connections", "continuous-log-conversionPattern", "job-bookmark-from", "job-bookmark-to",
    "job-language", "job-bookmark-option", "JOB_NAME", "JOB_ID", "WORKFLOW_NAME", "WORKFLOW_RUN_ID",
    "TempDir", "region", "files", "security-configuration",
)  # fmt: skip

# Arguments of Glue that could make a run write data of all recipients to a folder. The module sets each of
# them to "false", and a run refuses every other value.
_OFF = dict.fromkeys(("write-shuffle-files-to-s3", "write-shuffle-spills-to-s3", "enable-spark-ui"), "false")
_FOLDERS = ("tempdir", "spark-event-logs-path")
# Arguments of Glue that load code into a run. The module sets all of them except those for virtual
# environments.
_LOADING = (
    *("additional-python-modules", "python-modules-installer-option"),
    *("python-virtual-env", "python-virtual-env-storage-prefix"),
    *("extra-jars", "extra-files", "user-jars-first"),
)
# Arguments of Glue that the module always sets. The engine refuses a second value of such an argument,
# because a run could pass the key "--conf=..." in addition to "--conf".
_ALWAYS = ("conf", "extra-py-files", "scriptlocation", "job-language", "custom-loggroup-prefix")
_FIXED = "fixed-arguments"
_GUARDED = (*_OFF, *_FOLDERS, *_LOADING, *_ALWAYS, _FIXED)

# Timeouts in seconds. By default, Glue stops a run after one hour. The timeout of a statement is shorter, so
# that the job can report the statement before Glue stops the run. The job waits only a minute for a lock. If
# a lock lasts longer, somebody probably works on the table.
_STATEMENT_TIMEOUT = 3000
_LOCK_TIMEOUT = 60

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")

# The state machines cannot read a manifest whose reason is longer than LONGEST_REASON. MOST_MONTHS protects
# against a typing error in a range of months, because nobody can delete published files with an object lock.
LONGEST_REASON = 1000  # characters
MOST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one run, as given. The run reads the connections and objects later."""

    connection: str | None = None  # name of a Glue connection
    jdbc_url: str | None = None  # instead of `connection`: JDBC URL of the source, for a login with a token
    iam_user: str | None = None
    ca_certificate: str | None = None  # s3://bucket/key
    database_url: str | None = None  # instead of `connection`: URL with the login, for previews
    output: str = ""
    period: Period | None = None
    first: Period | None = None
    last: Period | None = None
    reason: str | None = None
    restate: bool = False
    allow_incomplete: bool = False
    dry_run: bool = False
    statement_timeout: int = _STATEMENT_TIMEOUT  # seconds
    lock_timeout: int = _LOCK_TIMEOUT
    run_id: str = ""
    job_name: str | None = None  # None outside Glue
    # The security configuration that every run of the job must have.
    job_security_configuration: str | None = None
    pgp_keys: str | None = None  # s3://bucket/key, or a local folder
    pgp_keys_sha256: str | None = None  # SHA-256 of the object `pgp_keys`

    def periods(self, now: datetime, where: tzinfo) -> tuple[Period, ...]:
        """Return the given periods in order, or the last complete period if no period is given."""
        if self.first is not None and self.last is not None:
            return tuple(between(self.first, self.last))
        return (self.period or last_complete(now, where),)


def parse(argv: list[str]) -> Arguments:
    """Return the arguments in a command line.

    An argument is `--name value`, `--name=value`, or a flag without a value. Glue writes `--restate true`.
    """
    values: dict[str, str] = {}
    flags: dict[str, bool] = {}
    run_id = ""
    job_name: str | None = None
    given: set[str] = set()
    guarded: dict[str, str] = {}
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        name, equals, value = _split(token)
        if not token.strip().startswith("--"):
            continue  # the token is the value of an argument that the engine ignores
        if token.partition("=")[0] != f"--{name}":
            # The alerts find the arguments of a run only by their exact names, so refuse spaces.
            raise _wrong("an argument has spaces around its name; write the name without spaces")
        known = name.lower()
        if known in given and known in (*_VALUES, *_FLAGS, "job_run_id", "job_name", *_GUARDED):
            # Glue does not let a run override the job's "--output". But a run could add arguments with the
            # keys "--output=s3://x" or "--OUTPUT". So refuse an argument that is given twice.
            raise _wrong(f"--{name} is given twice; give it once")
        given.add(known)
        if known in _GUARDED:
            guarded[known] = value if equals or not rest else rest[0]
        elif name in _FLAGS:
            if not equals:
                # Read the word after a flag as its value, even an unknown word, because the word may mean
                # "no".
                value = rest.pop(0) if rest and not _is_argument(rest[0], any_name=True) else "true"
            flags[name] = _truth(name, value)
        elif name in _VALUES:
            if not equals:
                if not rest or _is_argument(rest[0], any_name=name != "reason"):
                    raise _wrong(f"--{name} needs a value")
                value = rest.pop(0)
            values[name] = value.strip(None if name == "reason" else _BLANKS)
        elif known == "job_run_id":
            run_id = value if equals else _next(name, rest)
        elif known == "job_name":
            job_name = value if equals else _next(name, rest)
        else:
            _refuse_a_near_miss(name)
    on_glue = job_name is not None
    if on_glue and "database-url" in values:
        raise _wrong(
            "--database-url is only for previews and tests; on Glue, the module glue-extract sets the login"
        )
    arguments = _checked(values, flags, run_id or f"local-{uuid.uuid4().hex}", job_name)
    if on_glue:
        if "pgp-keys" in values and "pgp-keys" not in _names(guarded.get(_FIXED, "")):
            raise _wrong("--pgp-keys is set by the module; leave it out")
        _refuse_changes_of_glue(guarded, arguments.output)
    return arguments


def _next(name: str, rest: list[str]) -> str:
    """Return the value of an argument of Glue, and remove it from `rest`.

    Raise an error if the next token begins with "--". Such a token is the name of another argument, for
    example of an argument that the module sets, and must not be read as a value.
    """
    if not rest or rest[0].strip().startswith("--"):
        raise _wrong(f"--{name} needs a value")
    return rest.pop(0)


def _refuse_changes_of_glue(guarded: dict[str, str], output: str) -> None:
    """Refuse arguments of Glue that do not have the values of the module.

    Glue already prevents a run from overriding the module's values. This is a second check, before Spark
    reads a row.
    """
    fixed = _names(guarded.pop(_FIXED, ""))
    for name, value in guarded.items():
        if name in _OFF and value != _OFF[name]:
            raise _wrong(f"--{name} must be {_OFF[name]} in every run; leave the argument out")
        if name in _FOLDERS and _is_in(value, output):
            raise _wrong(
                f"--{name} must not overlap the target, which has files of recipients; leave the argument out"
            )
        if name in _LOADING and name not in fixed:
            raise _wrong(f"--{name} loads code into the run; leave it out, or set it in extra_arguments")


def _split(token: str) -> tuple[str, str, str]:
    """Return three parts of an argument: its name without spaces around the name, "=" or "", and its value.

    >>> _split("--period=2026-10"), _split(" --restate ")
    (('period', '=', '2026-10'), ('restate', '', ''))
    """
    name, equals, value = token.strip().removeprefix("--").partition("=")
    return name.strip(), equals, value


def _names(fixed: str) -> list[str]:
    return [name.strip() for name in fixed.lower().split(",")]


def _is_in(folder: str, output: str) -> bool:
    """Return whether one of the two folders contains the other. A path may be written in different ways."""
    one, other = (f"{posixpath.normpath(url.strip().partition('://')[2])}/" for url in (folder, output))
    return one.startswith(other) or other.startswith(one)


def _is_argument(token: str, *, any_name: bool) -> bool:
    """Return whether a token begins with "--" and the name of an argument.

    If `any_name` is true, every text after "--" counts as a name. If `any_name` is false, the name must be an
    argument that the engine or Glue knows.
    """
    known = (*_VALUES, *_FLAGS, *map(str.lower, _GLUE), "job_run_id", *_GUARDED)
    return token.strip().startswith("--") and (any_name or _split(token)[0].lower() in known)


def _checked(values: dict[str, str], flags: dict[str, bool], run_id: str, job_name: str | None) -> Arguments:
    given = {
        name: value for name, value in values.items() if value
    }  # a field that is left blank in the console counts as not given
    if "output" not in given:
        raise _wrong("--output is missing; write s3://bucket/prefix or a folder")
    if sum(name in given for name in ("connection", "jdbc-url", "database-url")) != 1:
        raise _wrong("give exactly one of --connection, --jdbc-url and --database-url")
    if ("jdbc-url" in given) != ("iam-user" in given):
        raise _wrong("--jdbc-url and --iam-user must be given together, for a login with an IAM token")
    if "ca-certificate" in given and "jdbc-url" not in given:
        raise _wrong("--ca-certificate requires --jdbc-url; a Glue connection has its own certificate")
    if given.get("pgp-keys", "").startswith("s3://") != ("pgp-keys-sha256" in given):
        raise _wrong("--pgp-keys s3://bucket/key and --pgp-keys-sha256 must be given together")
    if flags.get("restate") and "reason" not in given:
        raise _wrong("--restate needs --reason TEXT, which the manifest records")
    if "period" in given and ("from" in given or "to" in given):
        raise _wrong("give either --period, or --from and --to")
    if ("from" in given) != ("to" in given):
        raise _wrong(f"--{'to' if 'from' in given else 'from'} is missing; a backfill needs --from and --to")
    months = {name: Period.parse(given[name]) for name in ("period", "from", "to") if name in given}
    if "from" in months and months["from"] > months["to"]:
        raise _wrong(f"--from {months['from']} is after --to {months['to']}")
    if "from" in months and (count := months["to"].since(months["from"]) + 1) > MOST_MONTHS:
        raise _wrong(
            f"--from {months['from']} --to {months['to']} are {count} months; one run can do at most"
            f" {MOST_MONTHS} months"
        )
    if len(given.get("reason", "")) > LONGEST_REASON:
        raise _wrong(f"--reason has {len(given['reason'])} characters; write at most {LONGEST_REASON}")
    output = given["output"]
    return Arguments(
        connection=given.get("connection"),
        jdbc_url=given.get("jdbc-url"),
        iam_user=given.get("iam-user"),
        ca_certificate=given.get("ca-certificate"),
        database_url=given.get("database-url"),
        output=output if output.startswith("s3://") else os.path.expanduser(output),  # noqa: PTH111 (Path would eat "s3://")
        period=months.get("period"),
        first=months.get("from"),
        last=months.get("to"),
        reason=given.get("reason"),
        restate=flags.get("restate", False),
        allow_incomplete=flags.get("allow-incomplete", False),
        dry_run=flags.get("dry-run", False),
        statement_timeout=_seconds(given, "statement-timeout", _STATEMENT_TIMEOUT),
        lock_timeout=_seconds(given, "lock-timeout", _LOCK_TIMEOUT),
        run_id=run_id,
        job_name=job_name,
        job_security_configuration=given.get("job-security-configuration"),
        pgp_keys=given.get("pgp-keys"),
        pgp_keys_sha256=given.get("pgp-keys-sha256"),
    )


def _seconds(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 86_400:
        raise _wrong(f"--{name} must be a number of seconds from 1 to 86400, not {harmless(text)}")
    return int(text)


def _refuse_a_near_miss(name: str) -> None:
    if name.lower() in map(str.lower, _GLUE) or not name:
        return
    plain = name.lower().replace("_", "-")
    ours = (*_VALUES, *_FLAGS)
    near = difflib.get_close_matches(plain, ours, n=1, cutoff=0.75)
    near = near or [known for known in ours if len(plain) >= 3 and known.startswith(plain)]
    if near:
        shown = f"argument --{name}" if harmless(name) == f'"{name}"' else "such argument"
        raise _wrong(f"there is no {shown}; did you mean --{near[0]}?")


def _truth(name: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise _wrong(f"--{name} must be true or false, not {harmless(text)}")


def _wrong(sentence: str) -> ExtractError:
    return ExtractError(sentence, kind="arguments")
