"""Probes of the emulator: roles, keys, secrets, mails, alarms and networks."""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_cloud import aws, inbox
from tests.support.emulator.common import as_role, fresh, outcome, probe, role
from tests.support.github import ISSUER, assume

NOBODY = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]})


@probe(on_aws="accepted", published="AccessDenied")
def upload_shows_its_key_to_a_policy(cloud: aws.Cloud) -> object:
    s3, name = cloud.client("s3"), fresh("bucket")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    header, key = "s3:x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu-west-1:000000000000:key/k"
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*"}
    writer = role(cloud, allowed | {"Condition": {"StringEquals": {header: key}}})
    upload = {"Bucket": name, "Key": "file", "Body": b"x", "ServerSideEncryption": "aws:kms"}
    return outcome(lambda: as_role(cloud, writer, "s3").put_object(**upload, SSEKMSKeyId=key))


@probe(on_aws=["OURS"], published=None)
def secret_keeps_a_version_with_another_label(cloud: aws.Cloud) -> object:
    secrets_manager, name = cloud.client("secretsmanager"), fresh("secret")
    secrets_manager.create_secret(Name=name)
    labels = ["AWSCURRENT", "OURS"]
    first = secrets_manager.put_secret_value(SecretId=name, SecretString="1", VersionStages=labels)
    for text in ("2", "3"):
        secrets_manager.put_secret_value(SecretId=name, SecretString=text)
    versions = secrets_manager.describe_secret(SecretId=name)["VersionIdsToStages"]
    return versions.get(first["VersionId"])


@probe(on_aws=False, published="InvalidRequestException")
def rotation_of_a_secret_can_be_canceled(cloud: aws.Cloud) -> object:
    secrets_manager, name = cloud.client("secretsmanager"), fresh("secret")
    secrets_manager.create_secret(Name=name, SecretString="1")
    function = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:rotate"
    secrets_manager.rotate_secret(SecretId=name, RotationLambdaARN=function)
    assert secrets_manager.describe_secret(SecretId=name)["RotationEnabled"]
    secrets_manager.cancel_rotate_secret(SecretId=name)
    return secrets_manager.describe_secret(SecretId=name)["RotationEnabled"]


@probe(on_aws=[("[FAILED] x", ["line one", "line two"])], published=[])
def sns_delivers_email(cloud: aws.Cloud) -> object:
    sns, address = cloud.client("sns"), f"{fresh('team')}@example.com"
    topic = sns.create_topic(Name=fresh("topic"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    sns.publish(TopicArn=topic, Subject="[FAILED] x", Message="line one\nline two")
    mails = [mail for mail in inbox.read(cloud.mailbox) if mail.to == address]
    return [(mail.subject, mail.text.splitlines()[:2]) for mail in mails]


IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ALARM = (
    "<AlarmDescription>letters &amp; more</AlarmDescription>",
    "<AlarmActions><member>arn:aws:sns:eu-west-1:000000000000:team</member></AlarmActions>",
    "<Dimensions><member><Name>QueueName</Name><Value>letters</Value></member></Dimensions>",
    "<Period>300</Period>",
    "<Statistic>Maximum</Statistic>",
    "<TreatMissingData>notBreaching</TreatMissingData>",
)


@probe(on_aws=[], published=list(ALARM))
def alarm_is_complete_in_the_query_protocol(cloud: aws.Cloud) -> object:
    name, form = fresh("alarm"), "application/x-www-form-urlencoded"
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        AlarmDescription="letters & more",
        AlarmActions=["arn:aws:sns:eu-west-1:000000000000:team"],
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "letters"}],
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    asked = urlencode({"Action": "DescribeAlarms", "Version": "2010-08-01", "AlarmNames.member.1": name})
    request = AWSRequest("POST", cloud.endpoint, data=asked, headers={"Content-Type": form})
    SigV4Auth(Credentials(cloud.access_key, cloud.secret_key), "monitoring", aws.REGION).add_auth(request)
    sent = urllib.request.Request(cloud.endpoint, asked.encode(), dict(request.headers))
    context = ssl.create_default_context(cafile=str(cloud.authority))
    with urllib.request.urlopen(sent, context=context) as answer:
        text = answer.read().decode()
    return [element for element in ALARM if element not in text]


@probe(on_aws=([1], True, NOBODY), published=([], None, None))
def vpc_endpoint_keeps_groups_dns_and_policy(cloud: aws.Cloud) -> object:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.40.0.0/16")["Vpc"]["VpcId"]
    groups = [
        ec2.create_security_group(GroupName=fresh("group"), Description="x", VpcId=vpc)["GroupId"]
        for _ in range(2)
    ]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{aws.REGION}.kms",
        VpcEndpointType="Interface",
        PolicyDocument=NOBODY,
        PrivateDnsEnabled=True,
        SecurityGroupIds=groups[:1],
    )["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(
        VpcEndpointId=made, AddSecurityGroupIds=groups[1:], RemoveSecurityGroupIds=groups[:1]
    )
    [found] = ec2.describe_vpc_endpoints(VpcEndpointIds=[made])["VpcEndpoints"]
    kept = [groups.index(group["GroupId"]) for group in found.get("Groups", ())]
    return kept, found.get("PrivateDnsEnabled"), found.get("PolicyDocument")


@probe(on_aws=[("pl-12345678", "S3")], published=[])
def rule_of_a_security_group_names_a_prefix_list(cloud: aws.Cloud) -> object:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.41.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName=fresh("group"), Description="x", VpcId=vpc)["GroupId"]
    named = {"PrefixListId": "pl-12345678", "Description": "S3"}
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [named]}
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission])
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return [
        (rule["PrefixListId"], rule["Description"])
        for rule in found["SecurityGroupRules"]
        if "PrefixListId" in rule
    ]


@probe(on_aws=("accepted", "AccessDenied"), published=("AccessDenied", "AccessDenied"))
def trust_policy_sees_the_workflow_of_a_token(cloud: aws.Cloud) -> object:
    key = f"{ISSUER}:job_workflow_ref"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{aws.ACCOUNT}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {key: "home/repository/.github/workflows/plan.yml@*"}},
    }
    arn = cloud.client("iam").create_role(
        RoleName=fresh("role"), AssumeRolePolicyDocument=json.dumps({"Statement": [statement]})
    )["Role"]["Arn"]
    ours = "home/repository/.github/workflows/plan.yml@refs/tags/v1.0.0"
    theirs = "team/project/.github/workflows/own.yml@refs/heads/evil"
    return (
        outcome(lambda: assume(cloud, arn, "subject", ours)),
        outcome(lambda: assume(cloud, arn, "subject", theirs)),
    )


@probe(
    on_aws=["accepted"] * 11,
    published=["AccessDeniedException"] * 5
    + ["AccessDenied", "AuthorizationError"]
    + ["AccessDeniedException"] * 4,
)
def permission_for_one_resource_is_enough_to_read_it(cloud: aws.Cloud) -> object:
    name = fresh("plan")
    arns = {
        "cloudwatch": "alarm:{}",
        "dynamodb": "table/{}",
        "events": "rule/{}",
        "scheduler": "schedule-group/{}",
        "sns": "{}",
        "states": "stateMachine:{}",
    }
    arns = {
        service: f"arn:aws:{service}:{aws.REGION}:{aws.ACCOUNT}:{arn.format(name)}"
        for service, arn in arns.items()
    }
    cloud.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    cloud.client("events").put_rule(Name=name, EventPattern='{"source": ["own"]}')
    cloud.client("sns").create_topic(Name=name)
    cloud.client("scheduler").create_schedule_group(Name=name)
    states = role(cloud)
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    cloud.client("stepfunctions").create_state_machine(name=name, definition=definition, roleArn=states)
    cloud.client("scheduler").create_schedule(
        Name=name,
        GroupName=name,
        ScheduleExpression="cron(0 5 1 * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arns["states"], "RoleArn": states},
    )
    cloud.client("iam").create_instance_profile(InstanceProfileName=name)
    others = (
        f"arn:aws:iam::{aws.ACCOUNT}:instance-profile/{name}",
        f"arn:aws:scheduler:{aws.REGION}:{aws.ACCOUNT}:schedule/{name}/{name}",
        f"arn:aws:ssm:{aws.REGION}::parameter{IMAGE}",
    )
    reader = role(cloud, {"Effect": "Allow", "Action": "*", "Resource": [*arns.values(), *others]})

    def client(service: str) -> Any:
        return as_role(cloud, reader, service)

    return [
        outcome(call)
        for call in (
            lambda: client("cloudwatch").describe_alarms(AlarmNames=[name]),
            lambda: client("dynamodb").list_tags_of_resource(ResourceArn=arns["dynamodb"]),
            lambda: client("events").describe_rule(Name=name),
            lambda: client("events").list_targets_by_rule(Rule=name),
            lambda: client("events").list_targets_by_rule(Rule=name, EventBusName="default"),
            lambda: client("iam").get_instance_profile(InstanceProfileName=name),
            lambda: client("sns").list_tags_for_resource(ResourceArn=arns["sns"]),
            lambda: client("scheduler").list_tags_for_resource(ResourceArn=arns["scheduler"]),
            lambda: client("scheduler").get_schedule(Name=name, GroupName=name),
            lambda: client("ssm").get_parameter(Name=IMAGE),
            lambda: client("stepfunctions").list_tags_for_resource(resourceArn=arns["states"]),
        )
    ]


PROBES = (
    permission_for_one_resource_is_enough_to_read_it,
    trust_policy_sees_the_workflow_of_a_token,
    alarm_is_complete_in_the_query_protocol,
    upload_shows_its_key_to_a_policy,
    secret_keeps_a_version_with_another_label,
    rotation_of_a_secret_can_be_canceled,
    sns_delivers_email,
    vpc_endpoint_keeps_groups_dns_and_policy,
    rule_of_a_security_group_names_a_prefix_list,
)
