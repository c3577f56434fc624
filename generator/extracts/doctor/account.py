"""The AWS account: who we are there, the secret, the network, and who hears of failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from extracts.doctor.check import Check, failed, ok, skipped
from extracts.doctor.project import Values

# What job and crawler call from their subnet, each by its own endpoint where there is no NAT.
SERVICES = ("s3", "secretsmanager", "kms", "logs", "glue")

Client = Callable[[str], Any]


def client(region: str | None) -> Client:
    """Clients that give up soon: whoever asks a doctor wants an answer."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 3})
    return lambda service: boto3.session.Session().client(service, region_name=region, config=config)


def identity(aws: Client) -> Check:
    """Whose credentials these are."""
    return _asked(
        "AWS credentials",
        lambda: f"{aws('sts').get_caller_identity()['Arn']}",
        "log in, e.g. aws sso login, or set AWS_PROFILE",
    )


def _asked(name: str, ask: Callable[[], str], remedy: str) -> Check:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return ok(name, ask())
    except (BotoCoreError, ClientError) as error:
        return failed(name, " ".join(str(error).split()), remedy)


def secret(aws: Client, arn: str) -> tuple[Check, str | None]:
    """The secret with the login, and whose login it is."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        text = aws("secretsmanager").get_secret_value(SecretId=arn).get("SecretString", "")
    except (BotoCoreError, ClientError) as error:
        remedy = f"grant secretsmanager:GetSecretValue on {arn}, and kms:Decrypt on its key"
        if "ResourceNotFound" in str(error):
            remedy = "name the secret's ARN in database.secret_arn of Terraform/terraform.tfvars"
        return failed("secret", " ".join(str(error).split()), remedy), None
    try:
        user = str(json.loads(text)["username"])
        json.loads(text)["password"]
    except (ValueError, KeyError, TypeError):
        # Not quoted: the text is the secret.
        said = "it is not a JSON object with username and password"
        return failed("secret", said, f"aws secretsmanager put-secret-value --secret-id {arn} ..."), None
    return ok("secret", f"readable; the job logs in as {user}"), user


def network(aws: Client, subnet_id: str) -> Iterator[Check]:
    """The way from the job's subnet to what it calls: NAT, or an endpoint for each service."""
    from botocore.exceptions import BotoCoreError, ClientError

    ec2 = aws("ec2")
    try:
        [subnet] = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"]
        table = _route_table(ec2, subnet)
        endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
    except (BotoCoreError, ClientError, ValueError) as error:
        said = " ".join(str(error).split())
        yield failed("subnet", said, "name a private subnet in subnet_id of Terraform/terraform.tfvars")
        return
    yield ok("subnet", f"{subnet_id} in {subnet['VpcId']}, {subnet['AvailabilityZone']}")
    way = _default_way(table)
    if way:
        yield ok("VPC endpoints", f"not needed: the subnet reaches out over {way}")
        return
    served = {service: _serves(endpoints["VpcEndpoints"], service, table) for service in SERVICES}
    missing = [service for service, there in served.items() if not there]
    if missing:
        said = f"{subnet_id} has neither NAT nor an endpoint for {', '.join(missing)}"
        names = ", ".join(f"com.amazonaws.{ec2.meta.region_name}.{service}" for service in missing)
        yield failed("VPC endpoints", said, f"add to {subnet['VpcId']}, with private DNS: {names}")
    else:
        yield ok("VPC endpoints", ", ".join(SERVICES))


def _route_table(ec2: Any, subnet: dict[str, Any]) -> dict[str, Any]:
    """The subnet's own route table, else the main one of its VPC."""
    for name, value in (("association.subnet-id", subnet["SubnetId"]), ("vpc-id", subnet["VpcId"])):
        tables: list[dict[str, Any]] = ec2.describe_route_tables(Filters=[{"Name": name, "Values": [value]}])[
            "RouteTables"
        ]
        for table in tables:
            own = any(a.get("SubnetId") == subnet["SubnetId"] for a in table.get("Associations", ()))
            main = any(a.get("Main") for a in table.get("Associations", ()))
            if own or (name == "vpc-id" and main):
                return table
    return {}


def _default_way(table: dict[str, Any]) -> str:
    """Where everything else goes; an internet gateway is no way for a job, which has no public address."""
    for route in table.get("Routes", ()):
        way = route.get("NatGatewayId") or route.get("TransitGatewayId") or route.get("NetworkInterfaceId")
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and way:
            return str(way)
    return ""


def _serves(endpoints: list[dict[str, Any]], service: str, table: dict[str, Any]) -> bool:
    for endpoint in endpoints:
        if endpoint["ServiceName"].rpartition(".")[2] != service or endpoint["State"].lower() != "available":
            continue
        if endpoint["VpcEndpointType"] == "Gateway":
            if table.get("RouteTableId") in endpoint.get("RouteTableIds", ()):
                return True
        elif endpoint.get("PrivateDnsEnabled", True):  # without it the service's usual name leads elsewhere
            return True
    return False


def subscriptions(aws: Client, topic: str) -> Iterator[Check]:
    """Who hears of a failure; whoever did not confirm hears nothing."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        sns = aws("sns")
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        found = {
            subscription["Endpoint"]: _hears(sns, subscription["SubscriptionArn"])
            for page in pages
            for subscription in page["Subscriptions"]
        }
    except (BotoCoreError, ClientError) as error:
        yield failed("alert mails", " ".join(str(error).split()), "apply the project again")
        return
    if not found:
        yield failed("alert mails", "nobody is subscribed", "name somebody in alert_emails, and apply")
    for whom, hears in found.items():
        if hears:
            yield ok("alert mails", f"{whom} is confirmed")
        else:
            remedy = f"follow the link in AWS's mail to {whom}; it is valid for two days, then apply again"
            yield failed("alert mails", f"{whom} did not confirm, and hears of nothing", remedy)


def _hears(sns: Any, arn: str) -> bool:
    """True once it is confirmed; AWS gives no ARN before that, or one that says so of itself."""
    if not arn.startswith("arn:"):
        return False
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return bool(attributes.get("PendingConfirmation") != "true")


def deployed(aws: Client, values: Values, *, test_mail: bool) -> Iterator[Check]:
    """What only a deployment has."""
    topic = values.outputs.get("alert_topic_arn")
    if topic is None:
        yield skipped("alert mails", "nothing is deployed yet")
    else:
        yield from subscriptions(aws, topic)
    if test_mail:
        yield _test_mail(aws, values)


def _test_mail(aws: Client, values: Values) -> Check:
    """Let the alerts send a mail that says that it is a test."""
    message = values.outputs.get("alert_test")
    if not message:
        remedy = "apply the project, of a version whose outputs have it"
        return failed("test mail", "the project has no output alert_test", remedy)

    def send() -> str:
        aws("stepfunctions").start_execution(
            stateMachineArn=message["state_machine_arn"], input=message["input"]
        )
        return "sent; look into the mailbox"

    return _asked("test mail", send, "let these credentials start it: states:StartExecution")
