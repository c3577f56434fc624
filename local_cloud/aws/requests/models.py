"""The service models of botocore, loaded when they are needed."""

from __future__ import annotations

import functools
from typing import Any

import botocore.session

# Services that sign their requests with a name that is not botocore's for them.
_SIGNED_AS = {"monitoring": "cloudwatch", "states": "stepfunctions"}
# Services whose requests may come without a signature, or by a link.
_UNSIGNED = ("sts", "sns", "iam", "cloudwatch")


@functools.cache
def _session() -> Any:
    return botocore.session.Session()


@functools.cache
def service_names() -> frozenset[str]:
    """Return all services that botocore has a model of."""
    return frozenset(_session().get_available_services())


@functools.cache
def service(name: str) -> Any:
    """Return the model of a service by botocore's name, for example "stepfunctions"."""
    return _session().get_service_model(name)


def protocols(name: str) -> tuple[str, ...]:
    """Return all protocols that a service understands."""
    metadata = service(name).metadata
    return tuple(metadata.get("protocols") or [metadata["protocol"]])


def signed_as(signing_name: str, path: str) -> str | None:
    """Return botocore's name of the service that signs its requests so, or None."""
    if signing_name == "s3" and path.startswith("/v20180820/"):
        return "s3control"
    name = _SIGNED_AS.get(signing_name, signing_name)
    return name if name in service_names() else None


def by_action(action: str, version: str) -> str | None:
    """Return the service of an unsigned query by its API version, or by its action."""
    for name in _UNSIGNED:
        model = service(name)
        if action in model.operation_names and version in ("", model.metadata["apiVersion"]):
            return name
    return None
