"""Check the AWS account: credentials, secret, network, and subscribers of the alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from extracts import untrusted
from extracts.doctor.check import Check, failed, notice, ok, skipped
from extracts.doctor.project import Values

# The services that the job and the crawler call. A subnet without NAT needs an endpoint for each service.
SERVICES = ("s3", "secretsmanager", "kms", "logs", "glue")

Client = Callable[[str], Any]


def client(region: str | None) -> Client:
    """Return a factory of boto3 clients with short timeouts."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 3})
    return lambda service: boto3.session.Session().client(service, region_name=region, config=config)


def identity(aws: Client) -> Check:
    """Check the credentials, and report the identity that they belong to."""
    return _called(
        "AWS credentials",
        lambda: f"{aws('sts').get_caller_identity()['Arn']}",
        "log in, e.g. aws sso login, or set AWS_PROFILE",
    )


def _called(name: str, call: Callable[[], str], remedy: str) -> Check:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return ok(name, call())
    except (BotoCoreError, ClientError) as error:
        return failed(name, " ".join(str(error).split()), remedy)


def secret(aws: Client, arn: str) -> tuple[Check, str | None]:
    """Check the secret that contains the database login. Return the check and the user name in the secret."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        text = aws("secretsmanager").get_secret_value(SecretId=arn).get("SecretString", "")
    except (BotoCoreError, ClientError) as error:
        remedy = f"grant secretsmanager:GetSecretValue on {arn}, and kms:Decrypt on its key"
        if "ResourceNotFound" in str(error):
            remedy = "set database.secret_arn in Terraform/terraform.tfvars to the ARN of the secret"
        return failed("secret", " ".join(str(error).split()), remedy), None
    try:
        login = untrusted.parsed(text)
        user = str(login["username"])
        login["password"]
    except (ValueError, KeyError, TypeError):
        # The message does not quote the value, because the value is secret.
        said = "the value is not a JSON object with username and password"
        return failed("secret", said, f"aws secretsmanager put-secret-value --secret-id {arn} ..."), None
    return ok("secret", f"readable; the job logs in as {user}"), user


def network(aws: Client, subnet_id: str) -> Iterator[Check]:
    """Check that the job's subnet has a route to NAT, or an endpoint for each service."""
    from botocore.exceptions import BotoCoreError, ClientError

    ec2 = aws("ec2")
    try:
        [subnet] = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"]
        table = _route_table(ec2, subnet)
        endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
    except (BotoCoreError, ClientError, ValueError) as error:
        said = " ".join(str(error).split())
        yield failed("subnet", said, "set subnet_id in Terraform/terraform.tfvars to a private subnet")
        return
    yield ok("subnet", f"{subnet_id} in {subnet['VpcId']}, {subnet['AvailabilityZone']}")
    gateway = _default_gateway(table)
    if gateway:
        yield ok("VPC endpoints", f"not needed: the default route of the subnet is {gateway}")
        return
    served = {service: _serves(endpoints["VpcEndpoints"], service, table) for service in SERVICES}
    missing = [service for service, served_ in served.items() if not served_]
    if missing:
        said = f"{subnet_id} has no NAT and no endpoint for {', '.join(missing)}"
        names = ", ".join(f"com.amazonaws.{ec2.meta.region_name}.{service}" for service in missing)
        yield failed(
            "VPC endpoints", said, f"create these endpoints in {subnet['VpcId']}, with private DNS: {names}"
        )
    else:
        yield ok("VPC endpoints", ", ".join(SERVICES))


def _route_table(ec2: Any, subnet: dict[str, Any]) -> dict[str, Any]:
    """Return the route table of the subnet, or the main route table of its VPC if the subnet has none."""
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


def _default_gateway(table: dict[str, Any]) -> str:
    """Return the target of the default route, or an empty text if the job cannot use the route.

    A route to an internet gateway does not help, because the job has no public IP address.
    """
    for route in table.get("Routes", ()):
        gateway = (
            route.get("NatGatewayId") or route.get("TransitGatewayId") or route.get("NetworkInterfaceId")
        )
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and gateway:
            return str(gateway)
    return ""


def _serves(endpoints: list[dict[str, Any]], service: str, table: dict[str, Any]) -> bool:
    for endpoint in endpoints:
        if endpoint["ServiceName"].rpartition(".")[2] != service or endpoint["State"].lower() != "available":
            continue
        if endpoint["VpcEndpointType"] == "Gateway":
            if table.get("RouteTableId") in endpoint.get("RouteTableIds", ()):
                return True
        elif endpoint.get(
            "PrivateDnsEnabled", True
        ):  # without private DNS, the host name of the service resolves to a public address
            return True
    return False


def subscriptions(aws: Client, topic: str) -> Iterator[Check]:
    """Check the subscriptions of the alert topic. SNS sends nothing to an unconfirmed address."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        sns = aws("sns")
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        found = {
            subscription["Endpoint"]: _attributes(sns, subscription["SubscriptionArn"])
            for page in pages
            for subscription in page["Subscriptions"]
        }
    except (BotoCoreError, ClientError) as error:
        yield failed("alert mails", " ".join(str(error).split()), "apply the project again")
        return
    if not found:
        yield failed(
            "alert mails", "the topic has no subscription", "add an address to alert_emails, and apply"
        )
    for address, attributes in found.items():
        if attributes.get("PendingConfirmation") != "true":
            # If the subscription was confirmed without credentials, each mail from SNS contains a link that
            # cancels the subscription.
            if attributes.get("ConfirmationWasAuthenticated") == "false":
                said = (
                    f"{address} is confirmed, but each alert mail has a link, and everybody who reads the"
                    " mail can cancel the subscription with this link"
                )
                yield notice("alert mails", said, _authenticated(topic))
            else:
                yield ok("alert mails", f"{address} is confirmed")
        else:
            remedy = (
                f"if AWS's mail to {address} is older than two days, apply again to get a new mail. Then"
                f" confirm the subscription with the token in the link of the newest mail: {_confirm(topic)}"
            )
            yield failed("alert mails", f"{address} is not confirmed and gets no mails", remedy)


def _authenticated(topic: str) -> str:
    return (
        "delete the subscription and apply again. Then confirm the new subscription with the token in the"
        f" link of AWS's new mail: {_confirm(topic)}"
    )


def _confirm(topic: str) -> str:
    options = "--token TOKEN --authenticate-on-unsubscribe true"
    return f"aws sns confirm-subscription --topic-arn {topic} {options}"


def _attributes(sns: Any, arn: str) -> dict[str, str]:
    """Return the attributes of a subscription. A pending subscription may have no ARN."""
    if not arn.startswith("arn:"):
        return {"PendingConfirmation": "true"}
    found: dict[str, str] = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return found


def deployed(aws: Client, values: Values, *, test_mail: bool) -> Iterator[Check]:
    """Check the resources that exist only after a deployment."""
    topic = values.outputs.get("alert_topic_arn")
    if topic is None:
        yield skipped("alert mails", "nothing is deployed yet")
    else:
        yield from subscriptions(aws, topic)
    if test_mail:
        yield _test_mail(aws, values)


def _test_mail(aws: Client, values: Values) -> Check:
    """Start the state machine of the alerts, which sends a test mail."""
    message = values.outputs.get("alert_test")
    if not message:
        remedy = "run `extracts update`, then apply the project"
        return failed("test mail", "the project has no output alert_test", remedy)

    def send() -> str:
        aws("stepfunctions").start_execution(
            stateMachineArn=message["state_machine_arn"], input=message["input"]
        )
        return "the test mail is being sent; check the mailbox"

    return _called("test mail", send, "grant states:StartExecution on the state machine")
