"""Probes of the emulator: EC2 instances, and the rights of their roles."""

from __future__ import annotations

import json

from local_cloud import aws
from tests.support.emulator.common import as_role, fresh, outcome, probe, role


@probe(on_aws="ami-", published="ParameterNotFound")
def newest_image_for_graviton_is_a_public_parameter(cloud: aws.Cloud) -> object:
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    return cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"][:4]


@probe(on_aws=("required", True, False, "dXNlcg=="), published=(None, False, True, None))
def instance_keeps_what_it_was_launched_with(cloud: aws.Cloud) -> object:
    ec2 = cloud.client("ec2")
    interface = ec2.create_network_interface(SubnetId="subnet-00000001")["NetworkInterface"]
    name = ec2.run_instances(
        ImageId="ami-0c2023a1b2c3d4e5f",
        InstanceType="t4g.nano",
        MaxCount=1,
        MinCount=1,
        MetadataOptions={"HttpTokens": "required"},
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface["NetworkInterfaceId"]}],
        UserData="user",
    )["Instances"][0]["InstanceId"]
    [found] = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"]
    given = ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")["UserData"]
    return (
        found.get("MetadataOptions", {}).get("HttpTokens"),
        found["PrivateIpAddress"] == interface["PrivateIpAddress"],
        "PublicIpAddress" in found,
        given.get("Value"),
    )


@probe(on_aws=[{"Key": "Name", "Value": "server"}], published=[])
def network_interface_keeps_its_tags(cloud: aws.Cloud) -> object:
    tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "server"}]}]
    made = cloud.client("ec2").create_network_interface(SubnetId="subnet-00000001", TagSpecifications=tags)
    name = made["NetworkInterface"]["NetworkInterfaceId"]
    found = cloud.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[name])
    return found["NetworkInterfaces"][0]["TagSet"]


@probe(on_aws=("accepted", "UnauthorizedOperation"), published=("UnauthorizedOperation",) * 2)
def role_reads_an_instance_with_one_tag(cloud: aws.Cloud) -> object:
    tag = fresh("server")
    names = [
        cloud.client("ec2").run_instances(
            ImageId="ami-0c2023a1b2c3d4e5f",
            InstanceType="t4g.nano",
            MaxCount=1,
            MinCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": value}]}],
        )["Instances"][0]["InstanceId"]
        for value in (tag, "other")
    ]
    action = "ec2:DescribeInstanceAttribute"
    condition = {"StringEquals": {"aws:ResourceTag/Name": tag}}
    reader = role(cloud, {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition})
    client = as_role(cloud, reader, "ec2")

    def read(name: str) -> str:
        return outcome(lambda: client.describe_instance_attribute(InstanceId=name, Attribute="userData"))

    return tuple(read(name) for name in names)


@probe(on_aws="ResourceNotFoundException", published="accepted")
def secret_without_a_value_has_no_version(cloud: aws.Cloud) -> object:
    name = fresh("secret")
    cloud.client("secretsmanager").create_secret(Name=name)
    return outcome(lambda: cloud.client("secretsmanager").get_secret_value(SecretId=name))


@probe(on_aws="accepted", published="AccessDeniedException")
def role_reads_the_parameters_of_one_path(cloud: aws.Cloud) -> object:
    resource = f"arn:aws:ssm:{aws.REGION}:{aws.ACCOUNT}:parameter/probe/path"
    reader = role(cloud, {"Effect": "Allow", "Action": "ssm:GetParametersByPath", "Resource": resource})
    return outcome(lambda: as_role(cloud, reader, "ssm").get_parameters_by_path(Path="/probe/path"))


@probe(on_aws="accepted", published="AccessDeniedException")
def role_sends_events_of_one_type(cloud: aws.Cloud) -> object:
    condition = {"StringEquals": {"events:detail-type": "Download", "events:source": "ours"}}
    allowed = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*", "Condition": condition}
    sender = as_role(cloud, role(cloud, allowed), "events")
    entry = {"Source": "ours", "DetailType": "Download", "Detail": json.dumps({})}
    refused = outcome(lambda: sender.put_events(Entries=[entry | {"DetailType": "Alert"}]))
    assert refused == "AccessDeniedException"
    return outcome(lambda: sender.put_events(Entries=[entry]))


PROBES = (
    newest_image_for_graviton_is_a_public_parameter,
    instance_keeps_what_it_was_launched_with,
    network_interface_keeps_its_tags,
    role_reads_an_instance_with_one_tag,
    secret_without_a_value_has_no_version,
    role_reads_the_parameters_of_one_path,
    role_sends_events_of_one_type,
)
