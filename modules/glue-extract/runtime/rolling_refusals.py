"""Explain errors of the source, of the driver and of Spark, each in a sentence.

A sentence goes into a mail and a log, so it must contain no value of a row. Many messages of the server
contain values: the error of a failed cast quotes the value. So the sentence contains the server's message
only if the class of its SQLSTATE is about names and settings. For all other errors, and for errors of Spark,
the sentence has only the kind of the error.
"""

from __future__ import annotations

import builtins
import re

from rolling_database import Database, unreachable
from rolling_errors import ExtractError, one_line

DRIVER = "org.postgresql.Driver"

# SQLSTATEs whose messages contain no value of a row. First classes of SQLSTATEs: connections, transactions,
# logins, databases, recovery conflicts, resources, states, interventions of an operator, the system, its
# configuration. Then single SQLSTATEs: rights, the depth of the stack, damaged tables and indexes. The other
# SQLSTATEs of the classes 42 and 54, and the classes 0A and 3F, are left out. If a cast of a text to
# regclass, tsquery or jsonpath fails, it can have such an SQLSTATE, and its message quotes the text.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SPOKEN = (
    *("08", "25", "28", "3D", "40", "53", "55", "57", "58", "F0"),
    *("42501", "54001", "XX001", "XX002"),
)
_UNSPOKEN = {
    "21000": "a subquery returned more than one row",
    "22003": "a number is out of the range of its type",
    "22007": "a text cannot be cast to a date or time",
    "22008": "a date or time is out of range",
    "22012": "a division by zero",
    "22P02": "a text cannot be cast to the type",
    "P0001": "a function of the database raised an exception",
}

# These errors share an SQLSTATE with other errors, or have no SQLSTATE. The text identifies them.
_BY_TEXT = (
    ("row_security", r"query would be affected by row-level security policy"),
    ("pooler", r"unsupported startup parameter"),
    ("locked", r"canceling statement due to lock timeout"),
    ("slow", r"canceling statement due to statement timeout"),
    ("conflict", r"(?:canceling statement|terminating connection) due to conflict with recovery"),
    (
        "disk",
        r"(?:[\w.]+Exception: )?No space left on device|could not (?:extend|write to) file"
        r"|temporary file size exceeds temp_file_limit",
    ),
    (
        "lost",
        r"terminating connection|An I/O error occurred while sending to the backend"
        r"|Database connection failed when|This connection has been closed|server closed the connection"
        r"|consuming input failed|the connection is (?:lost|closed)|could not receive data from server"
        r"|java\.io\.EOFException",
    ),
)
# The SQLSTATE identifies these errors if the exception of the driver is available. If there is only Spark's
# summary of a failed task, the text identifies them. The patterns are for English texts. If lc_messages of
# the server is another language, `explained` returns a general sentence.
_BY_STATE = (
    (
        "authentication",
        ("28P01", "28000"),
        r"[\w ]*authentication failed|no pg_hba\.conf entry|The authentication type|The server requested",
    ),
    ("no_database", ("3D000",), r"database \"[^\"]*\" does not exist"),
    (
        "unreachable",
        ("08001", "08004", "08006", "57P03"),
        r"Connection to \S+ refused|The connection attempt failed|Connection attempt timed out"
        r"|An I/O error occurred|The server does not support SSL",
    ),
    ("permission", ("42501",), r"permission denied"),
    ("too_many", ("53300",), r"(?:sorry, )?too many (?:clients|connections)|remaining connection slots"),
    ("cancelled", ("57014",), r"canceling statement"),
    ("conflict", ("40001",), None),
    ("disk", ("53100",), None),
    ("lost", ("57P01", "57P02"), None),
    (
        "zone",
        (),
        r"time zone \"[^\"]*\" not recognized$|invalid value for parameter \"TimeZone\": \"[^\"]*\"$",
    ),
    (
        "snapshot",
        (),
        r"invalid snapshot identifier: \"[0-9A-F-]+\"$|could not import the requested snapshot$"
        r"|snapshot \"[0-9A-F-]+\" does not exist$|SET TRANSACTION SNAPSHOT|cannot export a snapshot"
        r"|the snapshot is of another server$",
    ),
)

_CLASS = r"(?:org\.apache\.spark|java|py4j|pyspark)(?:\.\w+)*\.[A-Z][\w$]*(?:Exception|Error)\b"
_TASK = (
    r" due to stage failure: Task [\d.]+ in stage [\d.]+ failed \d+ times, most recent failure:"
    r" Lost task [\d.]+ in stage [\d.]+ \(TID \d+\) \([\w.:-]+ executor \w+\)"
)
# Two examples: "SparkException: Job aborted due to ...: java.io.IOException: No space left on device", and
# "SparkArithmeticException: [DIVIDE_BY_ZERO] ..."
_BEGINNING = re.compile(
    rf"(?:(?:{_CLASS}|Job aborted(?:{_TASK})?|Exception thrown in awaitResult)(?:: |$))*"
    r"(?:No space left on device|\[(?P<condition>[A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\])?"
)

# The pattern matches only from the start of the text. Its group `words` is the message of the driver. A
# search in the rest of the text could find a value of a row that looks like a message.
_DRIVER_WORDS = re.compile(
    rf"(?:(?:{_CLASS}|Job aborted(?:{_TASK})?|Exception thrown in awaitResult): )*"
    r"(?:org\.postgresql\.util\.)?PSQLException: (?P<words>.*)"
)


def explained(error: Exception, database: Database, *, reads_rows: bool = True) -> ExtractError:
    """Return the error for a failure of the source, of the driver or of Spark.

    `reads_rows` is false for a statement that reads only the catalog. The message of such a statement
    contains no value of a row, so all of it is safe.
    """
    state, texts = _sql_state(error)
    text = "\n".join(texts)
    words = next((begun["words"] for one in texts if (begun := _DRIVER_WORDS.match(one))), None)
    of_database = bool(state) or words is not None
    said = _without_secret(_driver_message(text if words is None else words), database)
    found = _found(state, said)
    if reads_rows and of_database and not _is_spoken(state, found):
        found, said = None, _unspoken(state)
    elif reads_rows and not of_database:
        found, said = "disk" if "No space left on device" in text else None, _kinds(texts, error)
    cause = (
        f"{type(error).__name__} {state or '-----'} {said if reads_rows else _without_secret(text, database)}"
    )
    if "ClassNotFoundException" in text and DRIVER in text:
        return ExtractError(
            f"Spark has no PostgreSQL driver ({DRIVER}); add the jar of the driver, e.g. with spark.jars",
            kind="driver",
            cause=cause,
        )
    if "[ARITHMETIC_OVERFLOW]" in text or "[NUMERIC_VALUE_OUT_OF_RANGE" in text:
        return too_long(cause)
    if found in ("authentication", "unreachable") and re.search("no password (supplied|was provided)", said):
        return ExtractError(
            f'no password for "{database.user}" at {database.place}; set PGPASSWORD',
            kind="authentication",
            cause=cause,
        )
    if found == "unreachable" and "server does not support SSL" in said:
        return no_tls(database, cause)
    match found:
        case "authentication":
            return ExtractError(
                f'database {database.place} refused user "{database.user}": {said};'
                f" check the {database.credentials}",
                kind="authentication",
                cause=cause,
            )
        case "no_database":
            return ExtractError(
                f"the database does not exist at {database.place}: {said}", kind="unreachable", cause=cause
            )
        case "unreachable":
            return unreachable(database.place, said, cause)
        case "row_security":
            return ExtractError(
                f'row-level security would hide rows from role "{database.user}" ({said}); give the role'
                " BYPASSRLS, or let the run log in as another role",
                kind="permission",
                cause=cause,
            )
        case "pooler":
            return ExtractError(
                f"the pooler at {database.place} refused the login ({said}); add the parameter to its"
                " ignore_startup_parameters, or connect to the endpoint of the database, not to the pooler",
                kind="unreachable",
                cause=cause,
            )
        case "permission":
            return ExtractError(f'{said}; grant it to role "{database.user}"', kind="permission", cause=cause)
        case "too_many":
            return ExtractError(
                f"the database at {database.place} accepts no more connections; start the run again later",
                kind="database",
                cause=cause,
            )
        case "locked":
            return ExtractError(
                f"a table of the extract stayed locked ({said}); start the run again when the lock is"
                " released, or with a longer --lock-timeout",
                kind="locked",
                cause=cause,
            )
        case "slow":
            return ExtractError(
                f"the read took too long ({said}); look for an index on the date column, or start the run"
                " with a longer --statement-timeout",
                kind="timeout",
                cause=cause,
            )
        case "conflict":
            return ExtractError(
                f"the replica canceled the read ({said}); start the run again, raise"
                " max_standby_streaming_delay of the replica, or read from the writer",
                kind="conflict",
                cause=cause,
            )
        case "cancelled":
            return ExtractError(
                f"the read was canceled ({said}); start the run again", kind="database", cause=cause
            )
        case "lost":
            return ExtractError(
                f"the connection to the database at {database.place} was lost during the read"
                f" ({said}); start the run again",
                kind="lost",
                cause=cause,
            )
        case "disk":
            if of_database:
                sentence = (
                    f"the database at {database.place} ran out of disk space ({said}); free some space, then"
                    " start the run again"
                )
            else:
                sentence = (
                    f"the job's own disk is full ({said}); give the job a larger worker, or free space on"
                    " that disk"
                )
            return ExtractError(sentence, kind="disk_full", cause=cause)
        case "snapshot":
            return ExtractError(
                f"the parts of the read could not use the same snapshot ({said}); connect to the endpoint of"
                ' a single instance, or leave out aggregate_in="spark"',
                kind="snapshot",
                cause=cause,
            )
        case "zone":
            return ExtractError(
                f"the database does not know the extract's time zone ({said})", kind="spec", cause=cause
            )
        case _:
            what = "the database refused the read" if of_database else "Spark could not finish the read"
            return ExtractError(f"{what}: {said}", kind="database", cause=cause)


def no_tls(database: Database, cause: str) -> ExtractError:
    """Return the error for a server without TLS.

    Only for `--database-url`, the sentence also says how to log in without TLS.
    """
    sentence = f"the database at {database.place} does not support TLS; set ssl = on in its configuration"
    if database.credentials == "--database-url":
        sentence += ". If the network is private, add ?sslmode=disable to the URL instead"
    return ExtractError(sentence, kind="tls", cause=cause)


def too_long(cause: str = "") -> ExtractError:
    """Return the error for a sum that has too many digits for a decimal of Spark."""
    sentence = "a sum of a metric's values has more than the 38 digits that Spark can add exactly"
    return ExtractError(f'{sentence}; use aggregate_in="database"', kind="contract", cause=cause)


def _sql_state(error: Exception) -> tuple[str, list[str]]:
    """Return SQLSTATE and text of a psycopg exception, or those of a Java exception and its causes.

    PySpark has the Java exception in one of two attributes, depending on the kind of error.
    """
    if type(error).__module__.partition(".")[0] == "psycopg":
        state, text = _of_libpq(error)
        return state, [text]
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    state, texts = "", [] if java is not None else [str(error)]
    for _ in range(10):
        if java is None:
            break
        texts.append(str(java.toString()))
        if java.getClass().getName() == "org.postgresql.util.PSQLException":
            state = state or str(java.getSQLState() or "")
        java = java.getCause()
    return state, texts


def _of_libpq(error: Exception) -> tuple[str, str]:
    """Return SQLSTATE and text of a psycopg exception, in the form of the JDBC driver.

    If a login fails, libpq gives no SQLSTATE. A message of libpq itself is about the network. A message of
    the server comes after a severity such as FATAL.
    """
    text = str(getattr(getattr(error, "diag", None), "message_primary", None) or error)
    state = str(getattr(error, "sqlstate", None) or "")
    if state:
        return state, f"PSQLException: {text.splitlines()[0]}"
    said = re.search(r"(?:FATAL|ERROR|PANIC): +(.*)", text)
    if said is not None:
        return "", f"PSQLException: {said[1]}"
    is_login = text.startswith(("connection failed", "connection timeout", "failed to resolve", "[Errno"))
    return "08001" if is_login else "08006", f"PSQLException: {one_line(text)}"


def _driver_message(text: str) -> str:
    """Return the first line of the driver's message, without the severity that the server added."""
    line = next((line for line in text.splitlines() if line.strip()), "no reason given")
    line = re.sub(r"^(?:ERROR|FATAL|PANIC): ", "", line.strip())
    return one_line(line).rstrip(".")[:300]


def _found(state: str, said: str) -> str | None:
    """Return the kind of an error that has its own sentence, or None."""
    found = next((what for what, pattern in _BY_TEXT if state != "08001" and _begins(said, pattern)), None)
    found = found or next((what for what, states, _ in _BY_STATE if state in states), None)
    return found or next((what for what, _, by in _BY_STATE if by and _begins(said, by)), None)


def _is_spoken(state: str, found: str | None) -> bool:
    """Return whether the server's message contains no value, by its SQLSTATE or because its text is known."""
    if found == "zone":  # the message quotes the time zone, which may be a value of a column
        return False
    return state.startswith(_SPOKEN) or found == "snapshot" or (found is not None and not state)


def _unspoken(state: str) -> str:
    default = (
        "an operation or function got a value that it does not accept"
        if state[:2] == "22"
        else "the error text is hidden, because it may contain values"
    )
    return f"{_UNSPOKEN.get(state, default)} (SQLSTATE {state or 'unknown'})"


def _begins(said: str, pattern: str) -> bool:
    """Return whether a message begins with a pattern. The rest of the message may quote values."""
    return re.match(pattern, said, re.IGNORECASE) is not None


def condition_of(text: str) -> str | None:
    """Return the name of the error condition with which Spark's message begins.

    >>> condition_of("[DIVIDE_BY_ZERO] Division by zero.")
    'DIVIDE_BY_ZERO'
    """
    return _begun(text)["condition"]


def _begun(text: str) -> re.Match[str]:
    begun = _BEGINNING.match(text)
    assert begun is not None  # not None, because the pattern also matches an empty text
    return begun


def _kinds(texts: list[str], error: Exception) -> str:
    """Return the condition and the class names of a Spark error. Leave out its text, which may quote rows.

    Only the beginning of each text comes from Spark. The rest of the text may contain a value of a row that
    looks like the name of a class.
    """
    conditions, classes = [], []
    for text in texts:
        begun = _begun(text)
        classes += re.findall(rf"{_CLASS}(?:: No space left on device)?", begun[0])
        conditions += [begun["condition"]] if begun["condition"] else []
    python = re.findall(r"^([A-Z][A-Za-z]*): ", "\n".join(texts), re.MULTILINE)
    python = [name for name in python if name.endswith(("Exception", "Error")) and hasattr(builtins, name)]
    found = list(dict.fromkeys([*conditions, *classes[-1:], *python[-1:]]))
    return ", ".join(found) or type(error).__name__


def _without_secret(text: str, database: Database) -> str:
    password = database.properties.get("password", "")
    text = text.replace(password, "***") if password else text
    # Also hide the signature of an IAM token, because the text may contain a newer token than the password in
    # `database`.
    return re.sub(r"X-Amz-Signature=\w+", "X-Amz-Signature=***", text)[:4000]
