#!/usr/bin/python3
"""Send the machine's journal to CloudWatch Logs, and start the receipt of each completed download.

Runs with Python 3.9 of Amazon Linux 2023, without other packages. If AWS refuses a request or does not
answer, the program ends, and systemd starts it again. The program continues after the last entry that AWS
accepted, so no entry is lost. A download gets no receipt if AWS accepts logs, but refuses the receipt
several times. The log then reports this download.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, TextIO

STATE = Path("/var/lib/sftp/journal.json")
PREFIXES = Path("/etc/sftp/prefixes")
UNIT = "sftp-server.service"
# A request of PutLogEvents may have at most 1 MB. An uncut message has at most 64 KB.
BATCH, LONGEST = 500, 2000
SECONDS = 5.0
DAY = 86_400_000  # milliseconds
TRIES = 10
# Subtract 2 seconds, because S3 returns the time of a file in whole seconds, and a mount caches a file for a
# moment.
SAFE = 2

# Lines that sshd writes. sshd adds "[postauth]" if the root folder has no /dev/log.
SUFFIX = r"(?: \[postauth\])?"
OPENED = re.compile(rf"session opened for local user (\S+) from \[([0-9a-fA-F.:%]+)\]{SUFFIX}")
CLOSED = re.compile(rf"session closed for local user \S+ from \[\S+\]{SUFFIX}")
OPEN = re.compile(rf'open "(.*)" flags [A-Z,]* mode 0[0-7]*{SUFFIX}', re.DOTALL)
# "forced" means that the client has disconnected without closing the file.
READ = re.compile(rf'(?:forced )?close "(.*)" bytes read (\d+) written 0{SUFFIX}', re.DOTALL)
ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "s": 32, "t": 9, "v": 11, "0": 0, "\\": 92}


class Download(NamedTuple):
    """A file that a recipient has opened and read, until the file was closed or the connection ended."""

    user: str
    address: str
    path: str
    size: int  # number of bytes that were read; a byte that was read twice counts twice
    opened: int | None  # seconds since 1970, or None if the journal does not contain it
    time: str  # 2026-11-03T08:15:30Z, when the file was closed


def unescaped(text: str) -> str:
    """Return the name of a file as it is in the bucket. sshd escapes all characters that are not ASCII.

    >>> unescaped('/Kredyt\\\\305\\\\201\\\\303\\\\263d.csv')
    '/KredytŁód.csv'
    """
    raw = re.sub(
        rb"\\([0-3][0-7]{2}|[\x00-\x7f])",
        lambda m: bytes([int(m[1], 8) if len(m[1]) == 3 else ESCAPES.get(m[1].decode(), m[1][0])]),
        text.encode(),
    )
    return raw.decode(errors="replace")


class Sessions:
    """The open sessions and their open files, by the ID of the process that serves the session."""

    def __init__(self, known: dict[str, dict[str, Any]]) -> None:
        self.known = known

    def download(self, entry: dict[str, Any]) -> Download | None:
        """Return the download that an entry of the journal reports."""
        if entry.get("_SYSTEMD_UNIT") != UNIT or not isinstance(entry.get("MESSAGE"), str):
            return None
        process, text = str(entry.get("_PID")), entry["MESSAGE"]
        if opened := OPENED.fullmatch(text):
            self.known[process] = {"user": opened[1], "address": opened[2], "files": {}}
        elif CLOSED.fullmatch(text):
            self.known.pop(process, None)
        session = self.known.get(process, {"user": "", "address": "", "files": {}})
        last = session.pop("last", None)
        if tried := OPEN.fullmatch(text):
            session["last"] = path = unescaped(tried[1])
            first, count = session["files"].get(path, (seconds(entry), 0))
            session["files"][path] = [first, count + 1]
        elif text.startswith("sent status ") and last is not None:
            self.close(entry, last)  # the last request failed to open a file
        elif read := READ.fullmatch(text):
            path = unescaped(read[1])
            first, _ = session["files"].get(path, (None, 0))
            return Download(
                session["user"], session["address"], path, int(read[2]), first, written(seconds(entry))
            )
        elif text.startswith(('close "', 'forced close "')) and len(text) >= 499:
            print("A download has no receipt, because sshd cuts a long path in its log.", file=sys.stderr)
        return None

    def close(self, entry: dict[str, Any], path: str) -> None:
        """Record that a client closed a file once.

        A client can have the same file open several times, and sshd logs only that the client closed the
        file. So the time of the first open stays until the client has closed the file as often as it has
        opened the file.
        """
        files = self.known.get(str(entry.get("_PID")), {}).get("files", {})
        first, count = files.pop(path, (None, 0))
        if count > 1:
            files[path] = [first, count - 1]


def seconds(entry: dict[str, Any]) -> int:
    """Return the time of an entry in seconds since 1970."""
    return int(entry["__REALTIME_TIMESTAMP"]) // 1_000_000


def written(moment: int) -> str:
    """Return a time as AWS writes it in events.

    >>> written(1793693730)
    '2026-11-03T08:15:30Z'
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def aws(*arguments: str) -> Any:
    """Return the answer of AWS as JSON. Raise `CalledProcessError` if AWS refuses the request."""
    done = subprocess.run(("aws", *arguments), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout or "{}")


def version(key: str, opened: int) -> tuple[str, int] | None:
    """Return the ETag and size of a file, or None if the client may have opened an older version.

    Return None also if the file is gone, is a folder, or cannot be read. If a file does not exist, S3 answers
    403 to a role that may not list the whole bucket.
    """
    command = ("aws", "s3api", "head-object", "--bucket", os.environ["SFTP_BUCKET"], "--key", key)
    command += ("--if-unmodified-since", written(opened - SAFE))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if refused := re.search(r"\((403|404|412)\)", done.stderr):
        changed = "the file may have changed after it was opened"
        why = changed if refused[1] == "412" else "S3 does not have the file or denies access"
        print(f"{key} has no receipt, because {why}.", file=sys.stderr)
        return None
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    found = json.loads(done.stdout)
    return found["ETag"].strip('"'), found["ContentLength"]


def event(download: Download) -> dict[str, Any] | None:
    """Return the event of a completed download, as Transfer Family would send it."""
    prefix = PREFIXES / download.user
    if not prefix.is_file():
        print(f"{download.path} has no receipt, because its recipient is not known.", file=sys.stderr)
        return None
    if download.opened is None:
        why = "the journal does not contain the time when the file was opened"
        print(f"{download.path} has no receipt, because {why}.", file=sys.stderr)
        return None
    key = prefix.read_text() + os.path.normpath("/" + download.path.lstrip("/"))
    found = version(key, download.opened)
    if not found:
        return None
    if download.size < found[1]:
        print(f"{download.user} downloaded only a part of {key}.", file=sys.stderr)
        return None
    return {
        "detail-type": "SFTP Server File Download Completed",
        "time": download.time,
        "detail": {
            "bytes": download.size,
            "client-ip": download.address,
            "etag": found[0],
            "file-path": f"/{os.environ['SFTP_BUCKET']}/{key}",
            "protocol": "SFTP",
            "server-id": os.environ["SFTP_SERVER"],
            "status-code": "COMPLETED",
            "username": download.user,
        },
    }


def aws_with(content: Any, *arguments: str) -> Any:
    """Run the AWS CLI. Pass `content` as a file, because it can be too long for a command line."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(content, file)
        file.flush()
        return aws(*arguments, f"file://{file.name}")


def write_logs(entries: list[dict[str, Any]]) -> None:
    """Send entries to CloudWatch Logs, one request per day. A request may span at most 24 hours."""
    lines = [
        {
            "timestamp": int(entry["__REALTIME_TIMESTAMP"]) // 1000,
            "message": f"{entry.get('SYSLOG_IDENTIFIER', '')}[{entry.get('_PID', '')}]: {text(entry)}"[
                :LONGEST
            ],
        }
        for entry in entries
    ]
    lines.sort(key=lambda line: line["timestamp"])
    stream = ("--log-group-name", os.environ["SFTP_LOG_GROUP"], "--log-stream-name", socket.gethostname())
    for _, day in itertools.groupby(lines, key=lambda line: line["timestamp"] // DAY):
        aws_with(list(day), "logs", "put-log-events", *stream, "--log-events")


def send(entries: list[dict[str, Any]], state: dict[str, Any]) -> None:
    """Send entries to CloudWatch Logs, then start the receipts of their downloads."""
    write_logs(entries)
    sessions = Sessions(state["sessions"])
    for entry in entries:
        if download := sessions.download(entry):
            attempt(download, state)
            sessions.close(entry, download.path)
        state["cursor"] = entry["__CURSOR"]
    save(state)


def attempt(download: Download, state: dict[str, Any]) -> None:
    """Start the receipt of a download. After several failures, skip it, because other downloads wait."""
    tried = state.get("tries", 0)
    if tried < TRIES:
        # Count the attempt before it begins, because a failed attempt ends this program. Then systemd starts
        # the program again, and the program reads this entry again.
        state["tries"] = tried + 1
        save(state)
        if made := event(download):
            machine = ("--state-machine-arn", os.environ["SFTP_RECEIPTS"])
            aws_with(made, "stepfunctions", "start-execution", *machine, "--input")
    else:
        why = f"because {tried} attempts to start its receipt failed"
        print(f"{download.path} of {download.user} has no receipt, {why}.", file=sys.stderr)
    state["tries"] = 0


def save(state: dict[str, Any]) -> None:
    """Save the position of the last processed entry, and the open sessions."""
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(STATE)


def text(entry: dict[str, Any]) -> str:
    """Return the message of an entry. journalctl writes bytes that are not UTF-8 as numbers."""
    message = entry.get("MESSAGE") or ""
    return message if isinstance(message, str) else bytes(message).decode(errors="replace")


def create_stream() -> None:
    """Create the log stream of this machine, if the stream does not exist."""
    group, stream = os.environ["SFTP_LOG_GROUP"], socket.gethostname()
    command = ("aws", "logs", "create-log-stream", "--log-group-name", group, "--log-stream-name", stream)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and "ResourceAlreadyExistsException" not in done.stderr:
        print(done.stderr, file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)


def follow(stream: TextIO, lines: queue.Queue[str]) -> None:
    """Put each line into a queue as soon as the line arrives. At the end, put an empty text."""
    for line in stream:
        lines.put(line)
    lines.put("")


def main() -> None:
    """Send the journal until the program is stopped."""
    state = json.loads(STATE.read_text()) if STATE.exists() else {"cursor": None, "sessions": {}}
    create_stream()
    after = ["--after-cursor", state["cursor"]] if state["cursor"] else ["--lines=all"]
    command = ["journalctl", "--follow", "--output=json", "--priority=info", *after]
    journal = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        send_all(journal, state)
    finally:
        journal.kill()


def send_all(journal: subprocess.Popen[str], state: dict[str, Any]) -> None:
    """Send entries in batches, and save the position of the last entry that AWS has accepted."""
    assert journal.stdout
    lines: queue.Queue[str] = queue.Queue(maxsize=2 * BATCH)
    threading.Thread(target=follow, args=(journal.stdout, lines), daemon=True).start()
    while True:
        batch = [lines.get()]
        # Wait, so that one batch gets many entries. But do not wait if the queue can already fill a batch.
        # Otherwise a recipient that causes many entries would delay the receipts of the others.
        if lines.qsize() < BATCH - 1:
            time.sleep(SECONDS)
        while len(batch) < BATCH and not lines.empty():
            batch.append(lines.get())
        if "" in batch:
            raise RuntimeError("journalctl has ended.")
        send([json.loads(line) for line in batch], state)


if __name__ == "__main__":
    main()
