"""Secrets Manager: ministack loses custom labels and cannot cancel a rotation.

ministack also gives a value to each secret that is created without a value.
"""

from __future__ import annotations

from ministack.core.responses import error_response_json, json_response
from ministack.services import secretsmanager

from local_cloud.aws.common import Body, Response, answer_json, body_of


def close_secret_labels() -> None:
    """Keep custom staging labels, and each version that has one. ministack keeps only AWS's own labels."""

    def put(data: Body, response: Response) -> Response:
        out = body_of(response)
        _, secret = secretsmanager._resolve(data["SecretId"])
        for label in data.get("VersionStages", []):
            for version_id, version in secret["Versions"].items():
                if version_id == out["VersionId"] and label not in version["Stages"]:
                    version["Stages"].append(label)
                elif version_id != out["VersionId"] and label in version["Stages"]:
                    version["Stages"].remove(label)
        out["VersionStages"] = list(secret["Versions"][out["VersionId"]]["Stages"])
        return json_response(out)

    answer_json(secretsmanager, "handle_request", instead={}, after={"PutSecretValue": put})


def close_empty_secrets() -> None:
    """A secret that is created without a value gets no version."""

    def created(data: Body, response: Response) -> Response:
        out = body_of(response)
        if "SecretString" not in data and "SecretBinary" not in data:
            _, secret = secretsmanager._resolve(out["ARN"])
            secret["Versions"].clear()
            out.pop("VersionId", None)
        return json_response(out)

    answer_json(secretsmanager, "handle_request", instead={}, after={"CreateSecret": created})


def close_secret_rotations() -> None:
    """Add CancelRotateSecret, which Terraform calls when a configuration removes the rotation."""

    def cancel(data: Body) -> Response:
        _, secret = secretsmanager._resolve(data["SecretId"])
        if secret is None:
            words = "Secrets Manager can't find the specified secret."
            return error_response_json("ResourceNotFoundException", words, 400)
        secret["RotationEnabled"] = False
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"]})

    answer_json(secretsmanager, "handle_request", instead={"CancelRotateSecret": cancel}, after={})
