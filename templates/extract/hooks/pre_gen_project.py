"""Refuse answers that would not become a working project, all at once, before anything is written.

Runs with the standard library alone. Cookiecutter renders this file first: the answers arrive as a Python
literal, never pasted into quotes, so whatever they hold stays data. Updating a project runs it again. The
command-line tool, which asks the same questions, takes the rules from here too.
"""

import os
import sys

if __name__ == "__main__":
    # cookiecutter runs this from the temporary folder, where somebody's json.py would be imported.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(__file__)]

import difflib
import json
import re
import unicodedata
import zoneinfo
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")

ANSWERS: OrderedDict = {{cookiecutter}}  # type: ignore  # noqa: F821

AGGREGATES = ("avg", "sum", "count", "min", "max")
SFTP_MODES = ("server", "connector", "none")
YES_OR_NO = ("yes", "no")
# From the day after the run on, a mail tells every day that the month is missing: a day that February has too.
LAST_DAY = 27
LONGEST_LOCK_YEARS = 100
# The modules take no longer name. A bucket's name has room for 24 characters: Terraform/main.tf shortens it.
SLUG_LENGTH = 40
# PostgreSQL cuts longer identifiers, so no table or column can bear one.
IDENTIFIER_BYTES = 63
LONGEST_WINDOW = 1200
# An area and a place, as the modules take it: abbreviations such as EST and CET have no rules of their own.
TIME_ZONE = r"UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+"
# Columns that every file has, and the parts of a key that every file's place has.
TAKEN_LABELS = ("period", "window_start", "window_end", "year", "month")
# One plain address: no comments, no quotes, no lists.
EMAIL = r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
# What S3 reserves at the start of a bucket's name, and what some file systems reserve as a folder's.
TAKEN_STARTS = ("amzn-s3-demo-", "sthree-")
TAKEN_SLUGS = re.compile(r"aux|con|nul|prn|(com|lpt)[0-9]")


class Wrong(Exception):
    """One answer that cannot be used: what is wrong with it and what would be right."""


def answer(question: str) -> str:
    """The answer as text without blanks around it; numbers and nulls, as files may hold them, too."""
    value = ANSWERS.get(question, "")
    if isinstance(value, bool):  # YAML's own reading of a bare yes or no
        return "yes" if value else "no"
    return str("" if value is None else value).strip()


def shown(text: str) -> str:
    """The text as one short quoted piece of a sentence, control characters spelled out."""
    quoted = json.dumps(text if len(text) <= 60 else text[:57] + "...", ensure_ascii=False)
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in hidden else c for c in quoted)


def nearest(text: str, names: list[str]) -> str:
    """`; did you mean X?` where one of the names is close, else nothing."""
    lower = {name.lower(): name for name in reversed(names)}
    found = difflib.get_close_matches(text.lower(), list(lower), n=1)
    return f"; did you mean {lower[found[0]]}?" if found else ""


def identifier(text: str, what: str, example: str) -> str:
    """A name as the database spells it, in letters of any script."""
    name = text.strip()
    if not name:
        raise Wrong(f"the {what} is missing; write it as the database spells it, e.g. {example}")
    if not re.fullmatch(r"[^\W\d]\w*([ $-]\w+)*", name):
        raise Wrong(
            f"{shown(name)} is no {what} that can be used; a name has letters, digits and _, single blanks, "
            f"hyphens or $ between them, and starts with a letter or _, e.g. {example}"
        )
    if len(name.encode("utf-8", "surrogatepass")) > IDENTIFIER_BYTES:
        raise Wrong(
            f"{shown(name)} is longer than the {IDENTIFIER_BYTES} bytes that PostgreSQL allows for a {what}"
        )
    return name


def reference(text: str, tables: list[str], example: str) -> tuple[str, str]:
    """`TABLE.COLUMN` on one of the tables."""
    table, dot, column = text.partition(".")
    if not dot:
        raise Wrong(f"{shown(text.strip())} names no table; write TABLE.COLUMN, e.g. {example}")
    return known(table, tables, example), identifier(column, "column name", example)


def known(text: str, tables: list[str], example: str) -> str:
    """One of the tables that the extract reads."""
    table = identifier(text, "table name", example)
    # Without any table the entity is wrong, and is reported itself.
    if tables and table not in tables:
        raise Wrong(
            f"no table {shown(table)} among {', '.join(tables)}; each needs a hop in joins"
            + nearest(table, tables)
        )
    return table


def labelled(text: str, tables: list[str], example: str) -> tuple[str, str]:
    """Label and source of one `label = TABLE.COLUMN`."""
    label, equals, source = text.partition("=")
    label = label.strip()
    if not equals or not label:
        raise Wrong(f"{shown(text.strip())} has no label; write label = TABLE.COLUMN, e.g. {example}")
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", label):
        raise Wrong(
            f"{shown(label)} cannot head a column; a label has letters a to z in lower case, digits and _, "
            f"e.g. {example}"
        )
    return label, ".".join(reference(source, tables, example.partition("=")[2].strip()))


def project_slug() -> None:
    """The name of folder, buckets, job. Nothing is forgiven: the folder is already made from it."""
    slug = str(ANSWERS.get("project_slug", ""))
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug) or len(slug) < 3:
        raise Wrong(
            f"{shown(slug)} cannot name buckets and jobs; use three or more lower-case letters a to z and "
            "digits, starting with a letter, words joined by single hyphens, e.g. bank-loans"
        )
    if len(slug) > SLUG_LENGTH:
        raise Wrong(
            f"{shown(slug)} has {len(slug)} characters; use at most {SLUG_LENGTH}, or the names of roles and "
            "rules get too long for AWS, e.g. bank-loans"
        )
    if slug.startswith(TAKEN_STARTS) or TAKEN_SLUGS.fullmatch(slug):
        raise Wrong(f"{shown(slug)} is reserved by S3 or by file systems; take another, e.g. bank-loans")


def entity() -> str:
    """The entity's table, after an optional schema."""
    schema, dot, table = answer("entity").rpartition(".")
    if dot:
        identifier(schema, "schema name", "sales.Loans")
    return identifier(table, "table name", "Loans")


def metric(tables: list[str]) -> str:
    """A column of the entity, with the table in front of it or without."""
    table, dot, column = answer("metric").rpartition(".")
    if dot and tables and table.strip() != tables[0]:
        raise Wrong(
            f"{shown(answer('metric'))} is not on {tables[0]}; the metric is a column of that table, "
            "e.g. Amount"
        )
    return identifier(column, "column name", "Amount")


def choice(question: str, choices: tuple[str, ...]) -> str:
    """One of the choices: neither a replayed answer nor one that is not asked has been compared with them."""
    chosen = answer(question)
    if chosen not in choices:
        raise Wrong(f"{shown(chosen)} is none of {', '.join(choices)}{nearest(chosen, list(choices))}")
    return chosen


def date_column(tables: list[str]) -> str:
    """A column of the entity, or `TABLE.COLUMN` on a joined table; with its table where that is known."""
    if "." in answer("date_column"):
        return ".".join(reference(answer("date_column"), tables, "Account.open_date"))
    return ".".join((*tables[:1], identifier(answer("date_column"), "column name", "loan_date")))


def window_months() -> None:
    """A whole number in plain digits."""
    text = answer("window_months")
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text) or int(text) > LONGEST_WINDOW:
        raise Wrong(
            f"{shown(text)} is no number of months; write a whole number from 1 to {LONGEST_WINDOW}, e.g. 3"
        )


def hop(text: str, tables: list[str]) -> tuple[str, str]:
    """The table that one hop `TABLE: LEFT.COLUMN = COLUMN and ...` adds, and the one that it starts at."""
    example = "Account: Loans.Account_idAccount = idAccount"
    table, colon, condition = text.partition(":")
    left, equals, right = condition.partition("=")
    if not colon or not equals:
        raise Wrong(f"{shown(text.strip())} is no hop; write TABLE: LEFT.COLUMN = COLUMN, e.g. {example}")
    name = identifier(table, "table name", example)
    if name in tables:
        raise Wrong(f"the table {shown(name)} is there twice; each table is joined once")
    start, _ = reference(left, tables, "Loans.Account_idAccount")
    compared: list[str] = []
    for left, equals, right in (piece.partition("=") for piece in equalities(condition)):
        if not equals or "=" in right:
            raise Wrong(
                f"{shown(condition.strip())} is no key; write {start}.COLUMN = COLUMN and {start}.COLUMN = "
                "COLUMN, each from that one table, e.g. Account: Loans.bank = bank and Loans.number = number"
            )
        owner, dot, column = right.rpartition(".")
        if dot and owner.strip() != name:
            raise Wrong(
                f"{shown(right.strip())} is not on {name}; the right side of a hop is a column of its own "
                f"table, e.g. {example}"
            )
        sides = [f"{start}.{identifier(left, 'column name', example)}"]
        sides.append(f"{name}.{identifier(column, 'column name', example)}")
        for side in sides:
            if side in compared:
                raise Wrong(f"{shown(side)} is there twice in one key; compare each column once")
        compared += sides
    return name, start


def equalities(condition: str) -> list[str]:
    """Each `COLUMN = COLUMN` of a hop's key, which lies in the table that is named first.

    That table says where the next one begins: `and` alone might be a column, or a part of a name.
    """
    start = re.escape(condition.partition(".")[0].strip())
    return re.split(rf"\s+and\s+{start}\s*\.", f" and {condition.strip()}")[1:]


def parts(question: str, separator: str) -> list[str]:
    """The pieces of a list in one answer; empty ones, as after a last separator, do not count."""
    return [part for part in answer(question).split(separator) if part.strip()]


def group(tables: list[str]) -> list[tuple[str, str]]:
    """Labels and sources of the columns that make a line."""
    pieces = parts("group", ",")
    if not pieces:
        raise Wrong("no column; name at least the key of a line, e.g. branch_id = Branch.idBranch")
    return [labelled(piece, tables, "branch_id = Branch.idBranch") for piece in pieces]


def schedule() -> None:
    """Day and time of the monthly run, as `1 00:01`."""
    match = re.fullmatch(r"([1-9]|[12][0-9]) ([01][0-9]|2[0-3]):[0-5][0-9]", answer("_schedule"))
    if not match:
        raise Wrong(
            f"{shown(answer('_schedule'))} is no schedule; write the day of the month and the time in the "
            "extract's time zone, e.g. 1 00:01"
        )
    if int(match[1]) > LAST_DAY:
        raise Wrong(
            f"day {match[1]} is too late; the next day, on which a missing month is told, has to be in every "
            f"month, so the last one is {LAST_DAY}, e.g. 1 00:01"
        )


def time_zone() -> None:
    """A name in the IANA database. Without a copy of it, as in a slim container, only the form is checked."""
    name = answer("_time_zone")
    known = zoneinfo.available_timezones()
    if not re.fullmatch(TIME_ZONE, name) or (known and name not in known):
        raise Wrong(
            f"{shown(name)} is not a time zone of the IANA database; write area and place, e.g. Europe/Paris"
            + nearest_zone(name)
        )


def nearest_zone(text: str) -> str:
    """`; did you mean X?` for a city alone, another case or a slip of the pen, else nothing.

    Names with a number are left out: Etc/GMT+2 is two hours west of GMT, the opposite of what GMT+2 means.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    known = zoneinfo.available_timezones()
    names = sorted(name for name in known if re.fullmatch(TIME_ZONE, name) and not re.search("[0-9]", name))
    cities = [name for name in names if name.lower().endswith("/" + plain.replace(" ", "_").lower())]
    return f"; did you mean {cities[0]}?" if cities else nearest(plain, names)


def region() -> None:
    """A region as AWS calls it, not one of its zones."""
    if not re.fullmatch(r"[a-z]{2}(-[a-z]{3,12}){1,2}-[1-9][0-9]?", answer("_region")):
        raise Wrong(f"{shown(answer('_region'))} is no region of AWS; write e.g. eu-west-1")


def object_lock() -> None:
    """`none`, or mode and duration as `governance 5 years`."""
    if answer("_object_lock") == "none":
        return
    match = re.fullmatch(r"(governance|compliance) ([1-9][0-9]{0,4}) (day|year)s?", answer("_object_lock"))
    if not match:
        raise Wrong(
            f"{shown(answer('_object_lock'))} is no lock; write none, or governance or compliance and for how "
            "long, e.g. governance 5 years"
        )
    if int(match[2]) > LONGEST_LOCK_YEARS * (1 if match[3] == "year" else 365):
        raise Wrong(f"S3 locks for {LONGEST_LOCK_YEARS} years at most; write e.g. governance 5 years")


def contradictions(
    tables: list[str], starts: list[str], dated: str, owner: str, lines: list[str]
) -> list[tuple[str, str]]:
    """Answers that are right each by itself and make no sense together, as question and sentence."""
    measured = f"{tables[0]}.{answer('metric').rpartition('.')[2].strip()}"
    found = []
    if measured == dated:
        found.append(("metric", f"{shown(measured)} is the date column too; take another column"))
    if answer("aggregate") != "count":
        sentence = f"{shown(measured)} is the metric, of which the figure is made; take another column"
        found += [("recipient", sentence)] * (measured == owner) + [("group", sentence)] * (measured in lines)
    used = {*starts, *(source.rpartition(".")[0] for source in (dated, owner, *lines))}
    # A column that has to change anyway may be what leaves a hop without use.
    return found or [
        (
            "joins",
            f"the hop to {shown(table)} leads nowhere: no later hop, no date_column, group or recipient uses "
            "that table; leave it out",
        )
        for table in tables[1:]
        if table not in used
    ]


def module_source() -> None:
    """Where the modules come from, put between quotes in Terraform/main.tf."""
    source = str(ANSWERS.get("__module_source", ""))
    unsafe = any(c in source for c in '"\\') or "${" in source or "%{" in source
    if unsafe or source.count("MODULE") != 1:
        raise Wrong(
            f"{shown(source)} is no module source; it holds the word MODULE once, forward slashes, no quotes "
            "and no interpolation, e.g. ../../../modules/MODULE"
        )


def pattern(question: str, regex: str, right: str) -> None:
    """An answer of one fixed form."""
    if not re.fullmatch(regex, answer(question)):
        raise Wrong(f"{shown(answer(question))} is no {right}")


def wrong_answers() -> dict[str, list[str]]:
    """What is wrong with each wrong answer and what would be right, in the order of the questions."""
    wrong: dict[str, list[str]] = {question: [] for question in ANSWERS}

    def check(question: str, rule: Callable[..., Fact], *arguments: object) -> Fact | None:
        """What the rule makes of the answer; None, and the reason noted, where it is wrong."""
        text = str(ANSWERS.get(question, ""))
        try:
            if len(text) > 5000:
                raise Wrong(f"{shown(text)} has {len(text)} characters, which no answer needs")
            if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
                raise Wrong(f"{shown(text)} holds a line break or a control character; write it on one line")
            return rule(*arguments)
        except Wrong as reason:
            if str(reason) not in wrong.setdefault(question, []):
                wrong[question].append(str(reason))
            return None

    check("project_slug", project_slug)
    entity_table = check("entity", entity)
    tables = [entity_table] if entity_table else []
    starts = []
    for piece in parts("joins", ";") if answer("joins").lower() != "none" else []:
        # A wrong hop's table counts as there, or every later hop would be reported with it.
        table, start = check("joins", hop, piece, tables) or (piece.partition(":")[0].strip(), "")
        tables.append(table)
        starts.append(start)
    # Where a table is wrong, a reference to it would only be the same mistake told twice.
    if not entity_table or wrong.get("joins"):
        tables = []
    metric_column = check("metric", metric, [entity_table] if entity_table else [])
    figure = check("aggregate", choice, "aggregate", AGGREGATES)
    dated = check("date_column", date_column, tables)
    check("window_months", window_months)
    lines = check("group", group, tables) or []
    owner = check("recipient", labelled, answer("recipient"), tables, "bank_name = Bank.Name")
    check("alert_email", pattern, "alert_email", EMAIL, "mail address; write e.g. data-team@example.com")
    check("_sftp", choice, "_sftp", SFTP_MODES)
    check("_schedule", schedule)
    check("_time_zone", time_zone)
    check("_region", region)
    check("_github_workflows", choice, "_github_workflows", YES_OR_NO)
    check("_object_lock", object_lock)
    check(
        "_version",
        pattern,
        "_version",
        r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?",
        "version; write e.g. 1.2.0",
    )
    check("_repository", pattern, "_repository", r"https://[A-Za-z0-9._/-]+", "https address of a repository")
    check("__module_source", module_source)

    taken = [*TAKEN_LABELS]
    if entity_table and metric_column and figure:
        counted, summed = (re.sub(r"\W+", "_", name).lower() for name in (entity_table, metric_column))
        taken += [f"{counted}_count", f"{summed}_sum", f"{summed}_{figure}"]
    for question, columns in (("recipient", [owner] if owner else []), ("group", lines)):
        for label, _ in columns:
            if label in taken:
                wrong[question].append(
                    f"{shown(label)} is the label of another column or part of a key; take another"
                )
            taken.append(label)
    if dated and owner and not any(wrong.values()):
        sources = [source for _, source in lines]
        for question, sentence in contradictions(tables, starts, dated, owner[1], sources):
            wrong[question].append(sentence)
    return {question: reasons for question, reasons in wrong.items() if reasons}


def main() -> None:
    """Say what is wrong, if anything is, and stop the generation."""
    wrong = wrong_answers()
    if wrong:
        count = "1 answer cannot" if len(wrong) == 1 else f"{len(wrong)} answers cannot"
        lines = "".join(
            f"  - {question}: {reason}\n" for question, reasons in wrong.items() for reason in reasons
        )
        # Bytes, because a terminal's encoding may lack what the answers hold.
        sys.stderr.buffer.write(
            f"\u2717 {count} be used; nothing was written:\n{lines}".encode("utf-8", "backslashreplace")
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
