#!/usr/bin/python3
"""Send the machine's journal to CloudWatch Logs, and start the receipt of each completed download.

Python 3.9 of Amazon Linux 2023, without other packages. When AWS refuses or does not answer, the program
ends, and systemd starts it again. It continues after the last entry that AWS accepted, so no entry is lost.
Only a download that AWS refuses several times, while it accepts logs, gets no receipt; the log says so.
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
# A request of PutLogEvents has at most 1 MB; a message has at most 64 KB here.
BATCH, LONGEST = 500, 2000
SECONDS = 5.0
DAY = 86_400_000  # milliseconds
TRIES = 10

# sshd writes these lines. It adds "[postauth]" in a root folder that has no /dev/log.
SUFFIX = r"(?: \[postauth\])?"
OPENED = re.compile(rf"session opened for local user (\S+) from \[([0-9a-fA-F.:%]+)\]{SUFFIX}")
CLOSED = re.compile(rf"session closed for local user \S+ from \[\S+\]{SUFFIX}")
READ = re.compile(rf'close "(.*)" bytes read (\d+) written 0{SUFFIX}', re.DOTALL)
ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "s": 32, "t": 9, "v": 11, "0": 0, "\\": 92}


class Download(NamedTuple):
    """A file that a recipient has opened, read and closed."""

    user: str
    address: str
    path: str
    size: int  # bytes that were read
    time: str  # 2026-11-03T08:15:30Z


def unescaped(text: str) -> str:
    """Return the name of a file as it is in the bucket; sshd escapes everything that is not ASCII.

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
    """The sessions that are open, by the process that serves them."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        self.known = known

    def download(self, entry: dict[str, Any]) -> Download | None:
        """Return the download that an entry of the journal reports."""
        if entry.get("_SYSTEMD_UNIT") != UNIT or not isinstance(entry.get("MESSAGE"), str):
            return None
        process, text = str(entry.get("_PID")), entry["MESSAGE"]
        if opened := OPENED.fullmatch(text):
            self.known[process] = [opened[1], opened[2]]
        elif CLOSED.fullmatch(text):
            self.known.pop(process, None)
        elif read := READ.fullmatch(text):
            user, address = self.known.get(process, ("", ""))
            return Download(user, address, unescaped(read[1]), int(read[2]), closed_at(entry))
        elif text.startswith('close "') and len(text) >= 499:
            print("A download has no receipt, because sshd cuts a long path in its log.", file=sys.stderr)
        return None


def closed_at(entry: dict[str, Any]) -> str:
    """Return the time of an entry, as AWS writes it in events."""
    moment = time.gmtime(int(entry["__REALTIME_TIMESTAMP"]) // 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)


def aws(*arguments: str) -> Any:
    """Return the answer of AWS. Raise `CalledProcessError`."""
    done = subprocess.run(("aws", *arguments), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout or "{}")


def version(key: str) -> tuple[str, int] | None:
    """Return the ETag and size of a file, or None if it is gone, is a folder, or cannot be read.

    Without the right to list the whole bucket, S3 answers 403 when there is no such file.
    """
    command = ("aws", "s3api", "head-object", "--bucket", os.environ["SFTP_BUCKET"], "--key", key)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if re.search(r"\((403|404)\)", done.stderr):
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
    key = prefix.read_text() + os.path.normpath("/" + download.path.lstrip("/"))
    found = version(key)
    if not found:
        print(f"{key} has no receipt, because S3 does not have the file or denies access.", file=sys.stderr)
        return None
    if download.size < found[1]:
        print(f"{download.user} has read only a part of {key}.", file=sys.stderr)
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
    """Call AWS with a file as the last argument, because a command line has a limited length."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(content, file)
        file.flush()
        return aws(*arguments, f"file://{file.name}")


def write_logs(entries: list[dict[str, Any]]) -> None:
    """Send entries to CloudWatch Logs, one request per day: AWS refuses a request of more than 24 hours."""
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
        state["cursor"] = entry["__CURSOR"]
    save(state)


def attempt(download: Download, state: dict[str, Any]) -> None:
    """Start the receipt of a download. Go on without it after some tries: others wait for theirs."""
    tried = state.get("tries", 0)
    if tried < TRIES:
        # Before the try, because a program that fails starts again at this entry.
        state["tries"] = tried + 1
        save(state)
        if made := event(download):
            machine = ("--state-machine-arn", os.environ["SFTP_RECEIPTS"])
            aws_with(made, "stepfunctions", "start-execution", *machine, "--input")
    else:
        why = f"because it failed {tried} times"
        print(f"{download.path} of {download.user} has no receipt, {why}.", file=sys.stderr)
    state["tries"] = 0


def save(state: dict[str, Any]) -> None:
    """Save the last entry that was processed and the sessions that are still open."""
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(STATE)


def text(entry: dict[str, Any]) -> str:
    """Return the message of an entry; journalctl gives bytes that are not UTF-8 as numbers."""
    message = entry.get("MESSAGE") or ""
    return message if isinstance(message, str) else bytes(message).decode(errors="replace")


def create_stream() -> None:
    """Create the log stream of this machine, if it is not there."""
    group, stream = os.environ["SFTP_LOG_GROUP"], socket.gethostname()
    command = ("aws", "logs", "create-log-stream", "--log-group-name", group, "--log-stream-name", stream)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and "ResourceAlreadyExistsException" not in done.stderr:
        print(done.stderr, file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)


def follow(stream: TextIO, lines: queue.Queue[str]) -> None:
    """Hand on each line as soon as it is there; an empty one is the end."""
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
    """Send entries in batches, and remember the last one that AWS has accepted."""
    assert journal.stdout
    lines: queue.Queue[str] = queue.Queue(maxsize=2 * BATCH)
    threading.Thread(target=follow, args=(journal.stdout, lines), daemon=True).start()
    while True:
        batch = [lines.get()]
        time.sleep(SECONDS)
        while len(batch) < BATCH and not lines.empty():
            batch.append(lines.get())
        if "" in batch:
            raise RuntimeError("journalctl has ended.")
        send([json.loads(line) for line in batch], state)


if __name__ == "__main__":
    main()
