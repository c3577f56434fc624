"""Transfer Family: ministack does not store most attributes, and creates no VPC endpoints."""

from __future__ import annotations

from datetime import datetime

from ministack.core.responses import error_response_json, json_response
from ministack.services import transfer

from local_cloud.aws import ec2
from local_cloud.aws.common import Body, Response, answer_json, body_of
from local_cloud.aws.transfer_connectors import _connectors

_endpoints: dict[str, str] = {}  # the ID of the VPC endpoint of each server in a VPC
SERVER_ATTRIBUTES = (
    "EndpointDetails",
    "LoggingRole",
    "PostAuthenticationLoginBanner",
    "PreAuthenticationLoginBanner",
    "ProtocolDetails",
    "S3StorageOptions",
    "SecurityPolicyName",
    "StructuredLogDestinations",
)
USER_ATTRIBUTES = (
    "HomeDirectory",
    "HomeDirectoryMappings",
    "HomeDirectoryType",
    "Policy",
    "PosixProfile",
    "Role",
)


def close_transfer_servers() -> None:
    """Store security policy, logging and endpoint of servers, so that Terraform plans show no changes.

    A server in a VPC has a VPC endpoint. Transfer Family creates and deletes the endpoint together with the
    server.
    """

    def keep(server: Body, data: Body) -> None:
        details = {**server.get("EndpointDetails", {}), **data.get("EndpointDetails", {})}
        server.update({key: data[key] for key in SERVER_ATTRIBUTES if key in data})
        server["EndpointType"] = data.get("EndpointType", server["EndpointType"])
        if server["EndpointType"] != "VPC":
            server.pop("EndpointDetails", None)
            drop(server["ServerId"])
            return
        groups = details.pop("SecurityGroupIds", [])  # EC2 returns the groups, Transfer Family does not
        if server["ServerId"] not in _endpoints:
            _endpoints[server["ServerId"]] = ec2.create_endpoint(
                "transfer.server.c-0001", details["VpcId"], details["SubnetIds"], groups
            )
        server["EndpointDetails"] = {**details, "VpcEndpointId": _endpoints[server["ServerId"]]}

    def drop(server: str) -> None:
        if endpoint := _endpoints.pop(server, None):
            ec2.delete_endpoint(endpoint)

    def created(data: Body, response: Response) -> None:
        server = transfer._servers[body_of(response)["ServerId"]]
        server.update({"SecurityPolicyName": "TransferSecurityPolicy-2018-11"})
        keep(server, data)

    def deleted(data: Body, _: Response) -> None:
        drop(data["ServerId"])

    def described(data: Body, response: Response) -> Response:
        out = body_of(response)
        server = transfer._servers[data["ServerId"]]
        out["Server"].update({key: server[key] for key in SERVER_ATTRIBUTES if key in server})
        key = transfer._sftp_load_or_generate_host_key()
        out["Server"]["HostKeyFingerprint"] = key.get_fingerprint()
        return json_response(out)

    def update(data: Body) -> Response:
        server = transfer._servers.get(data["ServerId"])
        if server is None:
            return error_response_json("ResourceNotFoundException", "Unknown server", 404)
        keep(server, data)
        return json_response({"ServerId": data["ServerId"]})

    answer_json(
        transfer,
        "handle_request",
        instead={"UpdateServer": update},
        after={"CreateServer": created, "DeleteServer": deleted, "DescribeServer": described},
    )


def close_transfer_users() -> None:
    """Store the session policy of users.

    Also let DescribeUser return the import date of a public key as a number, as the AWS provider expects.
    """

    def key_of(data: Body) -> str:
        return str(transfer._user_key(data["ServerId"], data["UserName"]))

    def created(data: Body, _: Response) -> None:
        transfer._users[key_of(data)].update({key: data[key] for key in USER_ATTRIBUTES if key in data})

    def described(data: Body, response: Response) -> Response:
        out = body_of(response)
        user = transfer._users[key_of(data)]
        out["User"].update({key: user[key] for key in ("Policy", "PosixProfile") if user.get(key)})
        for key in out["User"].get("SshPublicKeys", []):
            if isinstance(key["DateImported"], str):
                key["DateImported"] = datetime.fromisoformat(key["DateImported"]).timestamp()
        return json_response(out)

    def update(data: Body) -> Response:
        user = transfer._users.get(key_of(data))
        if user is None:
            return error_response_json("ResourceNotFoundException", "Unknown user", 404)
        user.update({key: data[key] for key in USER_ATTRIBUTES if key in data})
        return json_response({"ServerId": data["ServerId"], "UserName": data["UserName"]})

    answer_json(
        transfer,
        "handle_request",
        instead={"UpdateUser": update},
        after={"CreateUser": created, "DescribeUser": described},
    )


def close_transfer_tags() -> None:
    """Add the three operations for tags of servers, users and connectors, which ministack lacks."""

    def tagged(arn: str) -> Body:
        for store in (transfer._servers, transfer._users, _connectors):
            for record in store.values():
                if record["Arn"] == arn:
                    return dict(record) if record.get("Tags") is None else record
        return {}

    def tag(data: Body) -> Response:
        record = tagged(data["Arn"])
        tags = {t["Key"]: t["Value"] for t in [*record.get("Tags", []), *data["Tags"]]}
        record["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        return json_response({})

    def untag(data: Body) -> Response:
        record = tagged(data["Arn"])
        record["Tags"] = [t for t in record.get("Tags", []) if t["Key"] not in data["TagKeys"]]
        return json_response({})

    def listed(data: Body) -> Response:
        return json_response({"Arn": data["Arn"], "Tags": tagged(data["Arn"]).get("Tags", [])})

    answer_json(
        transfer,
        "handle_request",
        instead={"TagResource": tag, "UntagResource": untag, "ListTagsForResource": listed},
        after={},
    )
