"""Check all answers before cookiecutter writes a project, and report all errors at once.

The hook uses the standard library only. Before cookiecutter runs the hook, it inserts the answers as a Python
literal, so that no answer can run as code. The command-line tool imports the rules from this file.
"""

import os
import sys

if __name__ == "__main__":
    # cookiecutter runs this hook from a shared temporary folder, where another user could put a json.py. Python
    # must not import it.
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(__file__)]

import difflib
import json
import re
import unicodedata
import zoneinfo
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

ANSWERS: OrderedDict = {{cookiecutter}}  # type: ignore  # noqa: F821

# Last day of the month on which a run may start. The daily check for a missing month starts one day later,
# and that later day must exist in every February.
LAST_DAY = 27
LONGEST_LOCK_YEARS = 100
# Longest project name that the modules accept. Terraform/main.tf shortens names of more than 24 characters
# for buckets.
SLUG_LENGTH = 40
# Longest identifier. PostgreSQL truncates a longer one.
IDENTIFIER_BYTES = 63
# Form of the time zones that the modules accept: area and place. Abbreviations such as EST have no daylight
# saving time.
TIME_ZONE = r"UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+"
# Columns of every file, and the keys of the folders year= and month= in the paths of files.
RESERVED_NAMES = ("period", "window_start", "window_end", "year", "month")
WINDOW = r"[1-9][0-9]{0,2}|1[01][0-9]{2}|1200"
REGION = r"[a-z]{2}(-[a-z]{3,12}){1,2}-[1-9][0-9]?"  # eu-west-1a, an availability zone, does not match
# Pattern for a text that is inserted into a string of Terraform/main.tf.
MODULE_SOURCE = r'(?!.*[$%]\{)(?!.*MODULE.*MODULE)[^"\\]*MODULE[^"\\]*'
REPOSITORY = r"https://[A-Za-z0-9._/-]+"
VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?"
# A plain address, without comments or quotes.
EMAIL = r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
# Beginnings of bucket names that S3 reserves, and names that Windows reserves.
RESERVED_SLUGS = re.compile(r"(amzn-s3-demo-|sthree-).*|aux|con|nul|prn|(com|lpt)[0-9]")


class Invalid(Exception):
    """The reason why an answer is invalid, and what would be valid."""


def answer(question: str) -> str:
    """Return an answer as text without spaces around it. An answer in a file may be a number or null."""
    value = ANSWERS.get(question, "")
    if isinstance(value, bool):  # YAML reads an unquoted yes or no as a boolean
        return "yes" if value else "no"
    return str("" if value is None else value).strip()


def shown(text: str) -> str:
    """Return the text in quotes, shortened, and with control characters escaped."""
    quoted = json.dumps(text if len(text) <= 60 else text[:57] + "...", ensure_ascii=False)
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in hidden else c for c in quoted)


def nearest(text: str, names: list[str], cutoff: float = 0.6) -> str:
    """Return `; did you mean X?` for the most similar name, or an empty text if no name is similar."""
    lower = {name.lower(): name for name in reversed(names)}
    found = difflib.get_close_matches(text.lower(), list(lower), n=1, cutoff=cutoff)
    return f"; did you mean {lower[found[0]]}?" if found else ""


def matched(text: str, regex: str, right: str) -> re.Match[str]:
    """Return the match if `regex` matches the whole text. Otherwise raise `Invalid`."""
    if match := re.fullmatch(regex, text):
        return match
    raise Invalid(f"{shown(text)} is not {right}")


def identifier(text: str, what: str, example: str) -> str:
    """Return a schema, table or column name. Raise `Invalid` if the name is not valid."""
    name = text.strip()
    if not name:
        raise Invalid(f"the {what} is empty; write it as in the database, e.g. {example}")
    allowed = "letters, digits and _, with single spaces, hyphens or $ between them, and start with a letter or _"
    matched(name, r"[^\W\d]\w*([ $-]\w+)*", f"a valid {what}; use {allowed}, e.g. {example}")
    if len(name.encode("utf-8", "surrogatepass")) > IDENTIFIER_BYTES:
        raise Invalid(f"{shown(name)} is longer than PostgreSQL's {IDENTIFIER_BYTES} bytes for a {what}")
    return name


def reference(text: str, tables: list[str], example: str) -> tuple[str, str]:
    """Return the table and the column of `TABLE.COLUMN`."""
    table, dot, column = text.partition(".")
    if not dot:
        raise Invalid(f"{shown(text.strip())} has no table; write TABLE.COLUMN, e.g. {example}")
    return known(table, tables, example), identifier(column, "column name", example)


def known(text: str, tables: list[str], example: str) -> str:
    """Return the name of a table. Raise `Invalid` if the extract does not read the table."""
    table = identifier(text, "table name", example)
    # `tables` is empty if the entity or a join is invalid. Another message reports that error.
    if tables and table not in tables:
        raise Invalid(f"{shown(table)} is neither the entity nor a table in joins{nearest(table, tables)}")
    return table


def renamed(text: str, tables: list[str], example: str) -> tuple[str, str]:
    """Return the name and the source of `NAME = TABLE.COLUMN`."""
    name, equals, source = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise Invalid(f"{shown(text.strip())} has no name; write NAME = TABLE.COLUMN, e.g. {example}")
    matched(name, r"[a-z_][a-z0-9_]{0,62}", f"a valid name; use a to z, digits and _, e.g. {example}")
    return name, ".".join(reference(source, tables, example.partition("=")[2].strip()))


def project_slug() -> None:
    """Check the project's name. Keep its spaces: the folder that cookiecutter created has them."""
    slug = str(ANSWERS.get("project_slug", ""))
    use = "at least three characters a to z and digits, start with a letter, and join words with single hyphens"
    matched(slug, r"(?=...)[a-z][a-z0-9]*(-[a-z0-9]+)*", f"a valid name; use {use}, e.g. bank-loans")
    if len(slug) > SLUG_LENGTH:
        raise Invalid(f"{shown(slug)} has {len(slug)} characters; use at most {SLUG_LENGTH}, e.g. bank-loans")
    if RESERVED_SLUGS.fullmatch(slug):
        raise Invalid(f"{shown(slug)} is reserved by S3 or Windows; use another name, e.g. bank-loans")


def table_name(text: str, example: str, with_schema: str) -> str:
    """Return the table of `TABLE` or `SCHEMA.TABLE`."""
    schema, dot, table = text.rpartition(".")
    if dot:
        identifier(schema, "schema name", with_schema)
    return identifier(table, "table name", example)


def metric(tables: list[str]) -> tuple[str, str]:
    """Return the metric's name and its column. The column is empty for an expression and for `none`."""
    if answer("metric").lower() == "none":
        if answer("aggregate") != "count":
            raise Invalid("the metric \"none\" counts the rows; use the aggregate count, or name a column, e.g. Amount")
        return "", ""
    if "=" in answer("metric"):
        return expression(answer("metric")), ""
    table, dot, column = answer("metric").rpartition(".")
    if dot and tables and table.strip() != tables[0]:
        raise Invalid(
            f"{shown(answer('metric'))} is not a column of {tables[0]}; write a column, e.g. Amount, or an expression "
            "with a name, e.g. balance = Account.Balance"
        )
    column = identifier(column, "column name", "Amount")
    return column, column


def expression(text: str) -> str:
    """Return the name in the metric `NAME = EXPRESSION`. The engine and PostgreSQL check the expression."""
    name, _, formula = (part.strip() for part in text.partition("="))
    # A name in double quotes can contain only letters, digits, _, spaces, $ and hyphens. So no answer can end
    # the string in Glue/etl.py.
    plain = re.sub(r'"[^\W\d]\w*([ $-]\w+)*"', "x", formula)
    matched(name, r"[a-z_][a-z0-9_]{0,50}", "a valid name; use a to z, digits and _, e.g. amount = price * quantity")
    if not re.fullmatch(r"[\w .*+/(),$-]*", plain) or not re.search(r"\w", plain) or "--" in plain or "/*" in plain:
        raise Invalid(f"{shown(formula)} is not an expression of columns, numbers, functions, parentheses and + - * /")
    if plain.count("(") != plain.count(")"):
        raise Invalid(f"{shown(formula)} has an unbalanced parenthesis")
    return name


def tables_of_metric(text: str) -> list[str]:
    """Return the names of the tables in the metric `NAME = EXPRESSION`."""
    found = re.findall(r'(?:"([^"]+)"|([^\W\d]\w*))\s*\.', text.partition("=")[2])
    return [quoted or plain for quoted, plain in found]


def choice(question: str, *choices: str, engine: str = "(?!)") -> str:
    """Check that an answer is one of its choices. cookiecutter checks only answers to a prompt."""
    chosen = answer(question)
    if chosen not in choices:
        # Short choices such as median and min resemble other words by chance. So a hint needs a higher
        # similarity than for a name.
        hint = nearest(chosen, list(choices), cutoff=0.8)
        if re.fullmatch(engine, chosen):  # the engine has more choices than the template
            hint = f"; choose one of these, and later write {chosen} instead in Glue/etl.py of the project"
        raise Invalid(f"{shown(chosen)} is not one of {', '.join(choices)}{hint}")
    return chosen


def date_column(tables: list[str]) -> str:
    """Return the date column with its table in front, if the names of the tables are valid."""
    if "." in answer("date_column"):
        return ".".join(reference(answer("date_column"), tables, "Account.open_date"))
    return ".".join((*tables[:1], identifier(answer("date_column"), "column name", "loan_date")))


def join(text: str, tables: list[str]) -> tuple[str, str]:
    """Return the tables `TABLE` and `LEFT` of the join `TABLE: LEFT.COLUMN = COLUMN and ...`."""
    example = "Account: Loans.Account_idAccount = idAccount"
    table, colon, condition = text.partition(":")
    if not colon or "=" not in condition:
        raise Invalid(f"{shown(text.strip())} is not a join; write TABLE: LEFT.COLUMN = COLUMN, e.g. {example}")
    name = table_name(table, example, "production.Product: Sale.product_id = id")
    if name in tables:
        raise Invalid(f"the table {shown(name)} is joined twice; join each table once")
    start, _ = reference(condition.partition("=")[0], tables, "Loans.Account_idAccount")
    compared: list[str] = []
    for left, equals, right in (piece.partition("=") for piece in equalities(condition)):
        if not equals or "=" in right:
            raise Invalid(
                f"{shown(condition.strip())} is not a key; write {start}.COLUMN = COLUMN and {start}.COLUMN = "
                "COLUMN, e.g. Account: Loans.bank = bank and Loans.number = number"
            )
        before, dot, column = right.rpartition(".")
        if dot and before.strip() not in (name, table.strip()):
            raise Invalid(f"{shown(right.strip())} is not a column of {name}; write a column, e.g. {example}")
        for owner, column in ((start, left), (name, column)):
            side = f"{owner}.{identifier(column, 'column name', example)}"
            if side in compared:
                raise Invalid(f"{shown(side)} occurs twice in one key; use each column once")
            compared.append(side)
    return name, start


def equalities(condition: str) -> list[str]:
    """Return each `COLUMN = COLUMN` of a join. Split at `and TABLE.`, because names may contain `and`."""
    start = re.escape(condition.partition(".")[0].strip())
    return re.split(rf"\s+and\s+{start}\s*\.", f" and {condition.strip()}")[1:]


def parts(question: str, separator: str) -> list[str]:
    """Return the items of an answer that is a list, without empty items."""
    return [part for part in answer(question).split(separator) if part.strip()]


def group(tables: list[str]) -> list[tuple[str, str]]:
    """Return the name and the source of each group-by column."""
    pieces = parts("group", ",")
    if not pieces:
        raise Invalid("no column; write at least one column, e.g. branch_id = Branch.idBranch")
    return [renamed(piece, tables, "branch_id = Branch.idBranch") for piece in pieces]


def alert_email() -> None:
    """Check the alert address. It has no default, because a default address would get the alerts of all users."""
    if not answer("alert_email"):
        raise Invalid("the address is empty, so nobody would get the alerts; write e.g. data-team@example.com")
    matched(answer("alert_email"), EMAIL, "a mail address; write e.g. data-team@example.com")


def schedule() -> None:
    """Check the day and the time of the monthly run."""
    form = r"([1-9]|[12][0-9]) ([01][0-9]|2[0-3]):[0-5][0-9]"
    match = matched(answer("_schedule"), form, "a day of the month and a time, e.g. 1 00:01")
    if int(match[1]) > LAST_DAY:
        raise Invalid(
            f"day {match[1]} is after the {LAST_DAY}th; the check for a missing month starts on the day after the run, "
            f"and every month must have that next day; use a day from 1 to {LAST_DAY}, e.g. 1 00:01"
        )


def time_zone() -> None:
    """Check the IANA name of the time zone. Without a time zone database, check only the form of the name."""
    name = answer("_time_zone")
    known = zoneinfo.available_timezones()
    if not re.fullmatch(TIME_ZONE, name) or (known and name not in known):
        raise Invalid(
            f"{shown(name)} is not a time zone of the IANA database; write area and place, e.g. Europe/Paris"
            + nearest_zone(name)
        )


def nearest_zone(text: str) -> str:
    """Return `; did you mean X?` for the zone of a city or the most similar zone, or an empty text."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    zones = (name for name in zoneinfo.available_timezones() if re.fullmatch(TIME_ZONE, name))
    # A zone with a number is never suggested, because its sign misleads: Etc/GMT+2 is two hours behind GMT.
    names = sorted(name for name in zones if not re.search("[0-9]", name))
    cities = [name for name in names if name.lower().endswith("/" + plain.replace(" ", "_").lower())]
    return f"; did you mean {cities[0]}?" if cities else nearest(plain, names)


def object_lock() -> None:
    """Check that the answer is `none`, or a mode and a duration."""
    form = r"none|(governance|compliance) ([1-9][0-9]{0,4}) (day|year)s?"
    match = matched(answer("_object_lock"), form, "none, or a mode and time, e.g. governance 5 years")
    if match[2] and int(match[2]) > LONGEST_LOCK_YEARS * (1 if match[3] == "year" else 365):
        raise Invalid(f"S3 allows at most {LONGEST_LOCK_YEARS} years; write e.g. governance 5 years")


def contradictions(
    tables: list[str], starts: list[str], measured: str, dated: str, recipient: str, groups: list[str]
) -> list[tuple[str, str]]:
    """Return the question and the reason of each answer that contradicts another answer."""
    found = [("metric", f"{shown(measured)} is also the date column; use another column")] * (measured == dated)
    if answer("aggregate") != "count":
        reason = f"{shown(measured)} is also the metric; use another column"
        found += [("recipient", reason)] * (measured == recipient) + [("group", reason)] * (measured in groups)
    used = {*starts, *(source.rpartition(".")[0] for source in (dated, recipient, *groups))}
    used.update(tables_of_metric(answer("metric")))
    # Report an unused join only if no other answer is wrong, because the corrected answer may use a column of
    # this join.
    return found or [
        ("joins", f"{shown(table)} is joined, but no other answer uses it; remove this join")
        for table in tables[1:]
        if table not in used
    ]


def invalid_answers() -> dict[str, list[str]]:
    """Return the reason of each invalid answer, keyed by question, in the order of the questions."""
    found: dict[str, list[str]] = {question: [] for question in ANSWERS}

    def check(question: str, rule: Callable[..., Any], *arguments: object, **options: str) -> Any:
        """Return the result of the rule. If the answer is invalid, add the reason, and return None."""
        text = str(ANSWERS.get(question, ""))
        try:
            if len(text) > 5000:
                raise Invalid(f"{shown(text)} has {len(text)} characters; use at most 5000")
            if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
                raise Invalid(f"{shown(text)} contains a line break or a control character; write it on one line")
            return rule(*arguments, **options)
        except Invalid as reason:
            if str(reason) not in found.setdefault(question, []):
                found[question].append(str(reason))
            return None

    check("project_slug", project_slug)
    entity_table = check("entity", table_name, answer("entity"), "Loans", "sales.Loans")
    tables = [entity_table] if entity_table else []
    starts = []
    for piece in parts("joins", ";") if answer("joins").lower() != "none" else []:
        # Even an invalid join names its table. Remember the table, so that a later join that starts from this
        # table is not reported as invalid.
        named = piece.partition(":")[0].rpartition(".")[2].strip()
        table, start = check("joins", join, piece, tables) or (named, "")
        tables.append(table)
        starts.append(start)
    # After an error in the entity or in a join, the list of tables is not reliable. So do not check
    # references to tables.
    if not entity_table or found.get("joins"):
        tables = []
    measured = check("metric", metric, [entity_table] if entity_table else [])
    for table in tables_of_metric(answer("metric")) if measured else []:
        check("metric", known, table, tables, "amount = unit_price * quantity")
    engine = "count_distinct|median|stddev|p[1-9][0-9]?"
    aggregated = check("aggregate", choice, "aggregate", "avg", "sum", "count", "min", "max", engine=engine)
    dated = check("date_column", date_column, tables)
    check("window_months", matched, answer("window_months"), WINDOW, "a number from 1 to 1200; write e.g. 3")
    groups = check("group", group, tables) or []
    recipient = check("recipient", renamed, answer("recipient"), tables, "bank_name = Bank.Name")
    check("delimiter", choice, "delimiter", "comma", "semicolon", "tab", "other")
    check("sftp", choice, "sftp", "server", "instance", "connector", "none")
    check("alert_email", alert_email)
    check("_schedule", schedule)
    check("_time_zone", time_zone)
    check("_region", matched, answer("_region"), REGION, "an AWS region; write e.g. eu-west-1")
    check("_github_workflows", choice, "_github_workflows", "yes", "no")
    check("_object_lock", object_lock)
    check("_version", matched, answer("_version"), VERSION, "a version; write e.g. 1.2.0")
    check("_repository", matched, answer("_repository"), REPOSITORY, "the https address of a repository")
    rules = "it must contain MODULE once, and no quotes, backslashes or interpolation, e.g. ../../../modules/MODULE"
    check("__module_source", matched, answer("__module_source"), MODULE_SOURCE, f"a module source; {rules}")

    taken = [*RESERVED_NAMES]
    if entity_table and measured and aggregated:
        counted, summed = (re.sub(r"\W+", "_", name).lower() for name in (entity_table, measured[0]))
        taken.append(f"{counted}_count")
        taken += [f"{summed}_sum", f"{summed}_{aggregated}"] if summed else []
    for question, columns in (("recipient", [recipient] if recipient else []), ("group", groups)):
        for name, _ in columns:
            if name in taken:
                found[question].append(f"{shown(name)} is already the name of a column or key part; use another name")
            taken.append(name)
    if measured and dated and recipient and not any(found.values()):
        column = f"{tables[0]}.{measured[1]}"
        for question, reason in contradictions(tables, starts, column, dated, recipient[1], [s for _, s in groups]):
            found[question].append(reason)
    return {question: reasons for question, reasons in found.items() if reasons}


def main() -> None:
    """Print the invalid answers and stop cookiecutter. Do nothing if all answers are valid."""
    if found := invalid_answers():
        count = "1 answer is" if len(found) == 1 else f"{len(found)} answers are"
        lines = "".join(f"  - {question}: {reason}\n" for question, reasons in found.items() for reason in reasons)
        # Write bytes, because the encoding of the terminal may lack some of the characters.
        sys.stderr.buffer.write(
            f"\u2717 {count} invalid; nothing was written:\n{lines}".encode("utf-8", "backslashreplace")
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
