"""The SFTP server of Transfer Family.

The server checks the user's permissions, and sends an event for each download.
"""

from __future__ import annotations

import contextvars
import functools
from typing import Any

from ministack.core import iam_evaluator as iam
from ministack.core.responses import get_region
from ministack.services import transfer

from local_cloud.aws.common import Body, emit, log

_sftp_user: contextvars.ContextVar[Body | None] = contextvars.ContextVar("sftp_user", default=None)


def close_sftp_authorization() -> None:
    """Check each SFTP operation against the user's role and session policy, as Transfer Family does.

    The server refuses a write when the client opens the file. If the server refused the write when the client
    closes the file, the client would report a success.
    """
    resolve = transfer._sftp_resolve_s3_target

    def resolve_and_remember(user: Body, path: str) -> Any:
        _sftp_user.set(user)
        return resolve(user, path)

    transfer._sftp_resolve_s3_target = resolve_and_remember

    def require(account: str, action: str, bucket: str, key: str) -> None:
        user = _sftp_user.get() or {}
        whole_bucket = action == "s3:ListBucket"
        context = iam.EvalContext(
            principal_arn=user.get("Role", ""),
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=f"arn:aws:s3:::{bucket}" + ("" if whole_bucket else f"/{key}"),
            region=get_region(),
            service_context={"s3:prefix": key} if whole_bucket else {},
            secure_transport=True,
        )
        role = user.get("Role", "").rsplit("/", 1)[-1]
        limits = [[iam.parse_policy_document(user["Policy"])]] if user.get("Policy") else []
        decision = iam.evaluate(context, iam._gather_role_policies(role, account), *limits)
        if decision.decision != "Allow":
            log.info("SFTP: role %s may not call %s on %s", role, action, context.resource_arn)
            raise transfer.asyncssh.SFTPPermissionDenied(f"{action} is not allowed")

    def guard(name: str, action: str) -> None:
        original = getattr(transfer, name)

        @functools.wraps(original)
        def guarded(account: str, bucket: str, key: str, *rest: Any) -> Any:
            require(account, action, bucket, key)
            return original(account, bucket, key, *rest)

        setattr(transfer, name, guarded)

    guard("_sftp_s3_put_object", "s3:PutObject")
    guard("_sftp_s3_delete_object", "s3:DeleteObject")

    ensure = transfer._ensure_sftp_runtime

    def ensure_guarded() -> None:
        ensure()
        server = transfer._MiniStackSFTPServer
        if getattr(server, "authorizes", False):
            return

        def open_file(self: Any, path: bytes, flags: int, attributes: Any) -> Any:
            bucket, key = self._resolve(path)
            if bucket and key:
                # Flags of SFTP: 0x02 and 0x04 write and append, 0x08 creates, 0x10 truncates.
                require(self._account_id, "s3:PutObject" if flags & 0x1E else "s3:GetObject", bucket, key)
            return original_open(self, path, flags, attributes)

        async def list_folder(self: Any, path: bytes) -> Any:
            bucket, key = self._resolve(path)
            if bucket:
                require(self._account_id, "s3:ListBucket", bucket, f"{key.rstrip('/')}/" if key else "")
            async for entry in original_list(self, path):
                yield entry

        original_open, original_list = server.open, server.scandir
        server.open, server.scandir, server.authorizes = open_file, list_folder, True

    transfer._ensure_sftp_runtime = ensure_guarded


def close_sftp_events() -> None:
    """Send the event of Transfer Family for a download.

    The event says "completed" if the client read the whole file, otherwise "failed".
    """
    ensure = transfer._ensure_sftp_runtime

    def ensure_telling() -> None:
        ensure()
        server = transfer._MiniStackSFTPServer
        if getattr(server, "tells", False):
            return

        def open_file(self: Any, path: bytes, flags: int, attributes: Any) -> Any:
            handle = original_open(self, path, flags, attributes)
            file = self._open_files[handle]
            if file["mode"] == "read":
                stored = transfer._sftp_s3_get_object(self._account_id, file["bucket"], file["key"])
                file["etag"] = stored["etag"].strip('"')
            return handle

        def read(self: Any, handle: Any, offset: int, size: int) -> Any:
            data = original_read(self, handle, offset, size)
            file = self._open_files[handle]
            file["reached"] = max(file.get("reached", 0), offset + len(data))
            return data

        def close(self: Any, handle: Any) -> Any:
            file = self._open_files.get(handle)
            closed = original_close(self, handle)
            if file and file["mode"] == "read":
                self._resolve("/")  # select the user's account and region for the event
                completed = file.get("reached", 0) >= file["size"]
                detail = {
                    "bytes": file.get("reached", 0),
                    "client-ip": "127.0.0.1",
                    "etag": file["etag"],
                    "file-path": f"/{file['bucket']}/{file['key']}",
                    "protocol": "SFTP",
                    "server-id": self._server_id,
                    "status-code": "COMPLETED" if completed else "FAILED",
                    "username": self._user["UserName"],
                }
                if not completed:
                    detail["failure-code"] = "PARTIAL_DOWNLOAD"
                end = "Completed" if completed else "Failed"
                emit(f"SFTP Server File Download {end}", detail, "aws.transfer")
            return closed

        original_open, original_read, original_close = server.open, server.read, server.close
        server.open, server.read, server.close, server.tells = open_file, read, close, True

    transfer._ensure_sftp_runtime = ensure_telling


def close_sftp_root_folders() -> None:
    """Hide the empty root folder of a user, unless the server has the option DirectoryListingOptimization.

    https://docs.aws.amazon.com/transfer/latest/userguide/implement-log-dirs.html
    """
    ensure = transfer._ensure_sftp_runtime

    def ensure_rooted() -> None:
        ensure()
        server = transfer._MiniStackSFTPServer
        if getattr(server, "has_roots", False):
            return

        def is_empty_root(self: Any, path: bytes) -> bool:
            bucket, key = self._resolve(path)
            at_root = transfer._sftp_normalize_virtual_path(path.decode()) == "/" and bucket
            return bool(at_root and not transfer._sftp_s3_list_keys(self._account_id, bucket, f"{key}/"))

        def optimizes(self: Any) -> bool:
            options = transfer._servers[self._server_id].get("S3StorageOptions", {})
            return bool(options.get("DirectoryListingOptimization") == "ENABLED")

        def stat(self: Any, path: bytes) -> Any:
            if is_empty_root(self, path) and optimizes(self):
                return self._attrs_for_dir(0)
            return original_stat(self, path)

        async def list_folder(self: Any, path: bytes) -> Any:
            if is_empty_root(self, path) and not optimizes(self):
                raise transfer.asyncssh.SFTPNoSuchFile("No such file or directory")
            async for entry in original_list(self, path):
                yield entry

        original_stat, original_list = server.stat, server.scandir
        server.stat, server.scandir, server.has_roots = stat, list_folder, True

    transfer._ensure_sftp_runtime = ensure_rooted
