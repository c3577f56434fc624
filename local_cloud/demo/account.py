"""The resources that exist in an account before the extract: a network, and the secret with the login."""

from __future__ import annotations

import json
from dataclasses import dataclass

from local_cloud.aws import Cloud


@dataclass(frozen=True, slots=True)
class Account:
    """The identifiers of the resources, which are values of the extract's Terraform variables."""

    subnet_id: str
    database_security_group_id: str
    secret_arn: str


def prepare(cloud: Cloud, *, username: str, password: str) -> Account:
    """Create a VPC with a private subnet, the security group of the database, and the login's secret."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone=zone)["Subnet"][
        "SubnetId"
    ]
    group = ec2.create_security_group(GroupName="store", Description="Aurora PostgreSQL", VpcId=vpc)[
        "GroupId"
    ]
    secret = cloud.client("secretsmanager").create_secret(
        Name="store/extract-reader", SecretString=json.dumps({"username": username, "password": password})
    )
    return Account(subnet, group, secret["ARN"])
