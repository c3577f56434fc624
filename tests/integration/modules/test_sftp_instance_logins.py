"""Clients of the SFTP instance that stop reading during a login, or that disconnect during a download."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import asyncssh
import pytest
from asyncssh import auth
from asyncssh.packet import Boolean, String

from tests.integration.modules.instance import Served
from tests.support.waiting import until

PROGRAMS = "/usr/local/libexec/sftp"
GRACE = 30  # seconds that sshd waits for the end of a login
SAFE = 3  # seconds that a file must be unchanged before a client opens it to get a receipt


async def signed_request(self: auth.ClientAuth) -> None:
    """Stop reading, and send a signed request as the first request of a login."""
    conn = self._conn
    pair = await conn.public_key_auth_requested()
    assert pair
    assert conn._transport
    conn._transport.pause_reading()
    fields = (Boolean(True), String(pair.algorithm), String(pair.public_data))
    await conn.send_userauth_request(b"publickey", *fields, key=pair, trivial=False)


@pytest.fixture
def banner(served: Served) -> Iterator[None]:
    """Make the banner longer than the buffers between sshd and a client.

    sshd sends the banner before it answers the login, so sshd waits for a client that does not read.
    """
    path = served.machine.path("/etc/sftp/banner")
    before = path.read_text()
    path.write_text("Files of Example Bank.\n" * 9000)
    yield
    path.write_text(before)


def accepted(served: Served) -> int:
    """Return how many logins sshd has accepted."""
    shown = served.machine.run("journalctl", "--unit=sftp-server", "--output=cat", "--no-pager").stdout
    return shown.count("Accepted publickey for first-bank")


def mount(served: Served) -> str:
    """Return the ID of the mount of first-bank, or an empty text if the mount does not run."""
    unit = "sftp-recipient@first-bank.service"
    if served.machine.run("systemctl", "is-active", unit, check=False).returncode:
        return ""
    return served.machine.run("systemctl", "show", "--property=InvocationID", unit).stdout


def connected(served: Served) -> socket.socket:
    """Return a connection to sshd with the smallest buffers."""
    made = served.machine.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    made.connect(("127.0.0.1", 22))
    made.setblocking(False)
    return made


def test_unfinished_login_ends_when_its_key_is_removed_even_if_the_client_does_not_read(
    served: Served, banner: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.admit("laptop", "reserve")
    until(lambda: mount(served))
    monkeypatch.setattr(auth._ClientNullAuth, "_start", signed_request)

    async def files() -> list[str]:
        """Log in, remove the key while sshd waits for the client, and list the files."""
        made: list[asyncssh.SSHClientConnection] = []

        class Client(asyncssh.SSHClient):
            def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
                made.append(conn)

        logins, first, start = accepted(served), mount(served), time.monotonic()
        login = asyncio.ensure_future(
            asyncssh.connect(
                "127.0.0.1",
                sock=connected(served),
                username="first-bank",
                client_keys=[str(served.keys["reserve"].private)],
                client_factory=Client,
                known_hosts=None,
                agent_path=None,
                config=None,
            )
        )
        await asyncio.to_thread(until, lambda: accepted(served) > logins)
        await asyncio.to_thread(served.admit, "laptop")
        await asyncio.to_thread(until, lambda: mount(served) not in ("", first))
        assert time.monotonic() - start < GRACE
        assert made[0]._transport
        made[0]._transport.resume_reading()
        conn = await login
        client = await conn.start_sftp_client()
        return [str(name) for name in await client.listdir("/")]

    with pytest.raises((asyncssh.Error, OSError)):
        pytest.fail(f"a session with the removed key sees {asyncio.run(files())}")
    assert served.client().run("ls /").returncode == 0


def shown(served: Served, title: str) -> bool:
    """Return whether a process has this title."""
    return title in served.machine.run("ps", "-eo", "args").stdout.splitlines()


@pytest.mark.parametrize(
    ("title", "ends"),
    [
        ("sshd: first-bank [priv]", True),
        ("sshd: first-bank [net]", True),
        ("sshd-session: first-bank [priv]", True),
        ("sshd-auth: first-bank [net]", True),
        ("sshd: first-bank2 [priv]", False),
        ("sshd: my-first-bank [priv]", False),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-60 startups", False),
    ],
)
def test_unmount_program_ends_only_the_logins_of_its_recipient(
    served: Served, title: str, ends: bool
) -> None:
    """OpenSSH 9.8 changed the titles of its processes, so the test imitates old and new processes."""
    # Write the script to a file, because systemd-run would replace variables in a script that is an argument.
    script = '#!/bin/bash\ncoproc sleep 600\nexec -a "$1" cat <&"${COPROC[0]}"\n'
    served.machine.write("/usr/local/bin/login", script, 0o755)
    served.machine.run("systemd-run", "--unit=login", "--collect", "/usr/local/bin/login", title)
    until(lambda: shown(served, title), 10)
    try:
        served.machine.run(f"{PROGRAMS}/unmount.sh", "first-bank")
        assert shown(served, title) is not ends
    finally:
        served.machine.run("systemctl", "stop", "login.service", check=False)
        served.machine.run("systemctl", "restart", "sftp-recipient@first-bank.service")


def greeted(served: Served, source: str) -> bool:
    """Return whether sshd answers a connection from this address."""
    with served.machine.socket() as made:
        made.bind((source, 0))
        made.settimeout(10)
        try:
            made.connect(("127.0.0.1", 22))
            return made.recv(8).startswith(b"SSH-2.0-")
        except OSError:
            return False


def test_many_unfinished_logins_from_one_address_do_not_block_other_addresses(served: Served) -> None:
    held = []
    try:
        for _ in range(30):
            held.append(served.machine.socket())
            held[-1].bind(("127.0.0.1", 0))
            held[-1].connect(("127.0.0.1", 22))
        # Each address connects only once, because sshd needs a moment to notice the end of a connection.
        assert [n for n in range(1, 41) if not greeted(served, f"127.0.1.{n}")] == []
        assert not greeted(served, "127.0.0.1")
    finally:
        for each in held:
            each.close()
    assert until(lambda: greeted(served, "127.0.0.1"), 10)


################################################################################
# Receipts
################################################################################


def received(served: Served, name: str) -> list[dict[str, str]]:
    return [each for each in served.receipts() if each["file"].endswith(name)]


async def login(served: Served) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        "127.0.0.1",
        served.port,
        username="first-bank",
        client_keys=[str(served.keys["laptop"].private)],
        known_hosts=None,
        agent_path=None,
        config=None,
    )


@pytest.mark.parametrize(
    ("starts", "aborts"),
    [((0, 8), True), ((0, 0), False)],
    ids=["client that ends without closing the file", "first half twice"],
)
def test_file_has_a_receipt_if_the_number_of_bytes_read_is_the_size_of_the_file(
    served: Served, starts: tuple[int, int], aborts: bool
) -> None:
    """OpenSSH logs how many bytes a client has read, but not which bytes. So any 16 bytes are enough here."""
    name = f"counted-{starts[1]}.csv"
    where = {"Bucket": "instance-data", "Key": f"loans/bank_name=FirstBank/{name}"}
    served.cloud.client("s3").put_object(**where, Body=b"sixteen bytes...")

    async def read() -> None:
        conn = await login(served)
        client = await conn.start_sftp_client()
        file = await client.open(f"/{name}", "rb")
        for start in starts:
            assert len(await file.read(8, start)) == 8
        if aborts:
            conn.abort()
        else:
            await file.close()
            conn.close()

    try:
        until(lambda: name in served.client().run("ls -1 /").stdout)
        time.sleep(SAFE)
        asyncio.run(read())
        [receipt] = until(lambda: received(served, name), 40)
        assert receipt["bytes"] == "16"
    finally:
        served.cloud.client("s3").delete_object(**where)


def test_restated_file_has_a_receipt_only_after_a_download_of_the_new_version(served: Served) -> None:
    """After a download, the instance waits a few seconds before it asks S3 for the version of the file.

    If the file may have changed after the client opened it, the download gets no receipt.
    """
    s3, name = served.cloud.client("s3"), "restated.csv"
    where = {"Bucket": "instance-data", "Key": f"loans/bank_name=FirstBank/{name}"}
    try:
        s3.put_object(**where, Body=b"wrong sums")
        until(lambda: name in served.client().run("ls -1 /").stdout)
        time.sleep(SAFE)
        assert served.client().run(f"get /{name}").returncode == 0
        assert (served.place / name).read_bytes() == b"wrong sums"
        new = s3.put_object(**where, Body=b"right sums")["ETag"].strip('"')
        until(lambda: f"{name} has no receipt, because the file may have changed" in served.log(), 40)
        assert received(served, name) == []

        def again() -> bytes:
            assert served.client().run(f"get /{name}").returncode == 0
            return (served.place / name).read_bytes()

        until(lambda: again() == b"right sums", 60)
        time.sleep(SAFE)
        again()
        [receipt] = until(lambda: received(served, name), 40)
        assert receipt["collected"].endswith(new)
    finally:
        s3.delete_object(**where)


def test_file_has_a_receipt_even_if_the_client_first_tried_to_open_it_before_it_existed(
    served: Served,
) -> None:
    """A client may try to open a file repeatedly, until the file exists."""
    s3, name = served.cloud.client("s3"), "awaited.csv"
    where = {"Bucket": "instance-data", "Key": f"loans/bank_name=FirstBank/{name}"}

    async def read() -> int:
        conn = await login(served)
        client = await conn.start_sftp_client()
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await client.open(f"/{name}", "rb")
        s3.put_object(**where, Body=b"sixteen bytes...")
        while name not in await client.listdir("/"):
            await asyncio.sleep(0.2)
        await asyncio.sleep(SAFE)
        file = await client.open(f"/{name}", "rb")
        size = len(await file.read())
        await file.close()
        conn.close()
        return size

    try:
        assert asyncio.run(read()) == 16
        assert until(lambda: received(served, name), 40)
    finally:
        s3.delete_object(**where)
