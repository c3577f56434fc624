"""The service models of botocore, loaded on first use."""

from __future__ import annotations

import functools
from typing import Any

import botocore.session

# Maps the name of a service in request signatures to its name in botocore, if the two names differ.
_SIGNED_AS = {"monitoring": "cloudwatch", "states": "stepfunctions"}
# Services that accept requests without a signature, or with a presigned URL.
_UNSIGNED = ("sts", "sns", "iam", "cloudwatch")


@functools.cache
def _session() -> Any:
    return botocore.session.Session()


@functools.cache
def service_names() -> frozenset[str]:
    """Return the services for which botocore has a model."""
    return frozenset(_session().get_available_services())


@functools.cache
def service(name: str) -> Any:
    """Return the model of the service with this name in botocore, for example "stepfunctions"."""
    return _session().get_service_model(name)


def protocols(name: str) -> tuple[str, ...]:
    """Return the protocols that a service supports."""
    metadata = service(name).metadata
    return tuple(metadata.get("protocols") or [metadata["protocol"]])


def signed_as(signing_name: str, path: str) -> str | None:
    """Return botocore's name for the service with this name in signatures, or None if it is unknown."""
    if signing_name == "s3" and path.startswith("/v20180820/"):
        return "s3control"
    name = _SIGNED_AS.get(signing_name, signing_name)
    return name if name in service_names() else None


def by_action(action: str, version: str) -> str | None:
    """Return the service that an unsigned request of the query protocol calls, or None.

    The action determines the service, together with the API version if the request has one.
    """
    for name in _UNSIGNED:
        model = service(name)
        if action in model.operation_names and version in ("", model.metadata["apiVersion"]):
            return name
    return None
