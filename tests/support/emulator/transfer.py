"""Probes of the emulator: AWS Transfer Family."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncssh

from local_cloud import aws
from tests.support.emulator.common import fresh, probe, queue_for, received, role


@probe(on_aws="TransferSecurityPolicy-2025-03", published=None)
def transfer_server_keeps_its_security_policy(cloud: aws.Cloud) -> object:
    transfer = cloud.client("transfer")
    server = transfer.create_server(SecurityPolicyName="TransferSecurityPolicy-2025-03")["ServerId"]
    described = transfer.describe_server(ServerId=server)["Server"]
    return described.get("SecurityPolicyName")


@probe(
    on_aws={"described": True, "groups": True, "names": [True, True], "left after the server": 0},
    published="no endpoint",
)
def transfer_server_in_a_vpc_has_an_endpoint(cloud: aws.Cloud) -> object:
    ec2, transfer = cloud.client("ec2"), cloud.client("transfer")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.42.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName=fresh("group"), Description="x", VpcId=vpc)["GroupId"]
    details = {"VpcId": vpc, "SubnetIds": [subnet], "SecurityGroupIds": [group]}
    server = transfer.create_server(EndpointType="VPC", EndpointDetails=details)["ServerId"]

    def endpoints() -> list[Any]:
        found = ec2.describe_vpc_endpoints()["VpcEndpoints"]
        return [endpoint for endpoint in found if endpoint["VpcId"] == vpc]

    if not (made := endpoints()):
        return "no endpoint"
    described = transfer.describe_server(ServerId=server)["Server"]["EndpointDetails"]
    names = [entry["DnsName"] for entry in made[0]["DnsEntries"]]
    transfer.delete_server(ServerId=server)
    return {
        "described": described
        == {"VpcId": vpc, "SubnetIds": [subnet], "VpcEndpointId": made[0]["VpcEndpointId"]},
        "groups": [listed["GroupId"] for listed in made[0]["Groups"]] == [group],
        "names": [name.startswith(f"{made[0]['VpcEndpointId']}-") for name in names],
        "left after the server": len(endpoints()),
    }


@probe(on_aws="SHA256", published="")
def transfer_server_shows_its_host_key(cloud: aws.Cloud) -> object:
    transfer = cloud.client("transfer")
    server = transfer.describe_server(ServerId=transfer.create_server()["ServerId"])["Server"]
    return server.get("HostKeyFingerprint", "").partition(":")[0]


@probe(on_aws="{}", published=None)
def transfer_user_keeps_its_session_policy(cloud: aws.Cloud) -> object:
    transfer = cloud.client("transfer")
    server = transfer.create_server()["ServerId"]
    transfer.create_user(ServerId=server, UserName="recipient", Role=role(cloud), Policy="{}")
    user = transfer.describe_user(ServerId=server, UserName="recipient")["User"]
    return user.get("Policy")


@probe(on_aws="float", published="str")
def transfer_key_has_a_date(cloud: aws.Cloud) -> object:
    # The date of a key must be a number in the JSON response. Otherwise, the AWS provider fails with
    # "expected DateImported to be a JSON Number".
    transfer = cloud.client("transfer")
    server = transfer.create_server()["ServerId"]
    transfer.create_user(ServerId=server, UserName="recipient", Role=role(cloud))
    body = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHNsjmsIIDvvA0GzGRUS9q6o9kzzmHHDqMysfgmhuhl recipient"
    transfer.import_ssh_public_key(ServerId=server, UserName="recipient", SshPublicKeyBody=body)
    raw: list[bytes] = []
    transfer.meta.events.register(
        "before-parse.transfer.DescribeUser", lambda response_dict, **_: raw.append(response_dict["body"])
    )
    transfer.describe_user(ServerId=server, UserName="recipient")
    [key] = json.loads(raw[0])["User"]["SshPublicKeys"]
    return type(key.get("DateImported")).__name__


@probe(on_aws=["a", "b"], published="InvalidAction")
def transfer_server_can_be_tagged(cloud: aws.Cloud) -> object:
    transfer = cloud.client("transfer")
    server = transfer.create_server(Tags=[{"Key": "a", "Value": "1"}])["ServerId"]
    arn = transfer.describe_server(ServerId=server)["Server"]["Arn"]
    transfer.tag_resource(Arn=arn, Tags=[{"Key": "b", "Value": "2"}])
    return sorted(tag["Key"] for tag in transfer.list_tags_for_resource(Arn=arn)["Tags"])


@probe(on_aws="sftp://sftp.example.com", published="InvalidAction")
def transfer_has_connectors(cloud: aws.Cloud) -> object:
    transfer, url = cloud.client("transfer"), "sftp://sftp.example.com"
    connector = transfer.create_connector(Url=url, AccessRole=role(cloud), SftpConfig={})["ConnectorId"]
    return transfer.describe_connector(ConnectorId=connector)["Connector"]["Url"]


@probe(on_aws=[[], ["no such file"]], published=[["no such file"], ["no such file"]])
def root_folder_is_empty_only_if_listings_are_optimized(cloud: aws.Cloud) -> object:
    s3, transfer = cloud.client("s3"), cloud.client("transfer")
    bucket = fresh("bucket")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    rights = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}

    async def listed(optimization: str) -> list[str]:
        key = asyncssh.generate_private_key("ssh-ed25519")
        options = {"DirectoryListingOptimization": optimization}
        server = transfer.create_server(S3StorageOptions=options)["ServerId"]
        transfer.create_user(
            ServerId=server,
            UserName="recipient",
            Role=role(cloud, rights),
            HomeDirectoryType="LOGICAL",
            HomeDirectoryMappings=[{"Entry": "/", "Target": f"/{bucket}/loans"}],
            SshPublicKeyBody=key.export_public_key().decode(),
        )
        async with (
            asyncssh.connect(
                "127.0.0.1", cloud.sftp_port, username="recipient", client_keys=[key], known_hosts=None
            ) as connection,
            connection.start_sftp_client() as client,
        ):
            try:
                assert await client.isdir("/")
                return [name for name in await client.listdir("/") if name not in (".", "..")]
            except (AssertionError, asyncssh.SFTPNoSuchFile):
                return ["no such file"]

    return [asyncio.run(listed(option)) for option in ("ENABLED", "DISABLED")]


@probe(on_aws=[("SFTP Server File Download Completed", "/own/file.csv")], published=[])
def transfer_sends_an_event_for_a_download(cloud: aws.Cloud) -> object:
    s3, events, transfer = cloud.client("s3"), cloud.client("events"), cloud.client("transfer")
    bucket, (url, queue) = fresh("bucket"), queue_for(cloud)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    s3.put_object(Bucket=bucket, Key="own/file.csv", Body=b"1\r\n")
    key, server = asyncssh.generate_private_key("ssh-ed25519"), transfer.create_server()["ServerId"]
    reads = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    user = fresh("recipient")
    transfer.create_user(
        ServerId=server,
        UserName=user,
        Role=role(cloud, reads),
        HomeDirectoryType="LOGICAL",
        HomeDirectoryMappings=[{"Entry": "/", "Target": f"/{bucket}/own"}],
        SshPublicKeyBody=key.export_public_key().decode().strip(),
    )
    events.put_rule(Name=bucket, EventPattern=json.dumps({"detail": {"username": [user]}}))
    events.put_targets(Rule=bucket, Targets=[{"Id": "x", "Arn": queue}])

    async def collect() -> None:
        port = cloud.sftp_port
        async with (
            asyncssh.connect(
                "127.0.0.1", port, username=user, client_keys=[key], known_hosts=None, config=None
            ) as connection,
            connection.start_sftp_client() as client,
            client.open("/file.csv", "rb") as file,
        ):
            assert await file.read()

    asyncio.run(collect())
    told = [json.loads(message["Body"]) for message in received(cloud, url)]
    return [(event["detail-type"], event["detail"]["file-path"].removeprefix(f"/{bucket}")) for event in told]


PROBES = (
    transfer_server_keeps_its_security_policy,
    transfer_server_in_a_vpc_has_an_endpoint,
    transfer_server_shows_its_host_key,
    transfer_user_keeps_its_session_policy,
    transfer_key_has_a_date,
    transfer_server_can_be_tagged,
    transfer_has_connectors,
    root_folder_is_empty_only_if_listings_are_optimized,
    transfer_sends_an_event_for_a_download,
)
