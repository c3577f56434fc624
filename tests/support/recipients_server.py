"""A real SFTP server of a recipient, to which connectors push files. It has one login and one folder."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import asyncssh

from local_cloud import processes
from local_cloud.sftp import KeyPair


class Server:
    """A server that can stop and start again on the same port, with the same or another host key."""

    def __init__(self, folder: Path, key: KeyPair, host_key: KeyPair) -> None:
        (folder / "incoming").mkdir(parents=True)
        self.folder, self.key, self.host_key = folder, key, host_key
        self.port = processes.free_port()
        self.visits = 0
        self.arrivals: list[str] = []  # names of the written files, in the order in which they arrived
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listener: asyncssh.SSHAcceptor | None = None

    @property
    def url(self) -> str:
        return f"sftp://{processes.LOOPBACK}:{self.port}"

    def start(self, host_key: KeyPair | None = None) -> None:
        """Listen for connections, with the host key that connectors trust or with another host key."""
        server = self

        class Door(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                server.visits += 1

        class Folder(asyncssh.SFTPServer):
            def close(self, file_obj: Any) -> Any:
                server.arrivals.append(Path(file_obj.name.decode()).name)
                return super().close(file_obj)

        async def listen() -> asyncssh.SSHAcceptor:
            return await asyncssh.listen(
                processes.LOOPBACK,
                self.port,
                server_factory=Door,
                server_host_keys=[str((host_key or self.host_key).private)],
                authorized_client_keys=asyncssh.import_authorized_keys(self.key.public),
                sftp_factory=lambda channel: Folder(channel, chroot=str(self.folder).encode()),
                allow_scp=False,
            )

        self._listener = asyncio.run_coroutine_threadsafe(listen(), self._loop).result(timeout=60)

    def stop(self) -> None:
        """Refuse connections."""

        async def close() -> None:
            if self._listener:
                self._listener.close()
                await self._listener.wait_closed()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(timeout=60)
        self._listener = None

    def files(self) -> dict[str, bytes]:
        """Return the files that arrived, keyed by path."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }
