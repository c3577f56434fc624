"""The connectors of Transfer Family."""

from __future__ import annotations

import os

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import stepfunctions, transfer

from local_cloud.aws import transfer_send
from local_cloud.aws.common import Body, Response, answer_json, emit, in_background
from local_cloud.aws.identity import credentials

_connectors: dict[str, Body] = {}
_transfers: dict[str, list[Body]] = {}
CONNECTOR_ATTRIBUTES = ("AccessRole", "LoggingRole", "SecurityPolicyName", "SftpConfig", "Url")


def close_transfer_connectors() -> None:
    """Add connectors, which ministack lacks. A real SFTP client sends the files to the recipient's server."""

    def unknown(data: Body) -> Response:
        return error_response_json(
            "ResourceNotFoundException", f"Unknown connector {data['ConnectorId']}", 404
        )

    def create(data: Body) -> Response:
        number = f"c-{os.urandom(9).hex()[:17]}"
        arn = f"arn:aws:transfer:{get_region()}:{get_account_id()}:connector/{number}"
        kept = {key: data[key] for key in (*CONNECTOR_ATTRIBUTES, "Tags") if key in data}
        _connectors[number] = {"Arn": arn, "ConnectorId": number, **kept}
        return json_response({"ConnectorId": number})

    def describe(data: Body) -> Response:
        connector = _connectors.get(data["ConnectorId"])
        return json_response({"Connector": connector}) if connector else unknown(data)

    def update(data: Body) -> Response:
        connector = _connectors.get(data["ConnectorId"])
        if connector is None:
            return unknown(data)
        connector.update({key: data[key] for key in CONNECTOR_ATTRIBUTES if key in data})
        return json_response({"ConnectorId": data["ConnectorId"]})

    def delete(data: Body) -> Response:
        return json_response({}) if _connectors.pop(data["ConnectorId"], None) else unknown(data)

    def start(data: Body) -> Response:
        connector = _connectors.get(data["ConnectorId"])
        if connector is None:
            return unknown(data)
        number = os.urandom(16).hex()
        _transfers[number] = []
        in_background(_send, connector, data, number)
        return json_response({"TransferId": number})

    def results(data: Body) -> Response:
        return json_response({"FileTransferResults": _transfers.get(data["TransferId"], [])})

    answer_json(
        transfer,
        "handle_request",
        instead={
            "CreateConnector": create,
            "DeleteConnector": delete,
            "DescribeConnector": describe,
            "ListFileTransferResults": results,
            "StartFileTransfer": start,
            "UpdateConnector": update,
        },
        after={},
    )
    stepfunctions._AWS_SDK_SERVICE_MAP["transfer"] = {"target_prefix": "TransferService", "protocol": "json"}


def _send(connector: Body, order: Body, number: str) -> None:
    """Send the files one after the other. After each file, send an event.

    Each file has a result, which contains the path on the recipient's server. The result exists as soon as
    the transfer of the file begins.
    """
    folder = order.get("RemoteDirectoryPath", "/")
    for path in order["SendFilePaths"]:
        file = {"FilePath": f"{folder}/{path.rsplit('/', 1)[-1]}", "StatusCode": "IN_PROGRESS"}
        _transfers[number].append(file)
        detail = {
            "connector-id": connector["ConnectorId"],
            "file-path": path,
            "operation": "SEND",
            "remote-directory-path": folder,
            "transfer-id": number,
            "url": connector["Url"],
        }
        if why := _refused(connector, path, folder):
            file.update(StatusCode="FAILED", FailureCode="SEND_FILE_FAILED", FailureMessage=why)
            detail |= {"failure-code": "SEND_FILE_FAILED", "failure-message": why}
        else:
            file["StatusCode"] = "COMPLETED"
        detail["status-code"] = file["StatusCode"]
        emit(f"SFTP Connector File Send {file['StatusCode'].capitalize()}", detail, "aws.transfer")


def _refused(connector: Body, path: str, folder: str) -> str:
    """Send one file with the role of the connector. Return the reason for a failure, or an empty text."""
    role = credentials(connector["AccessRole"], "transfer.amazonaws.com", connector["Arn"])
    if not role:
        return f"{connector['AccessRole']} does not trust {connector['Arn']}"
    return transfer_send.refusal(connector, path, folder, role)
