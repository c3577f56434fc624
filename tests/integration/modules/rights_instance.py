"""Calls that the programs of the SFTP instance make, and calls that its role must not be able to make."""

from __future__ import annotations

from local_cloud import aws
from tests.integration.modules.rights import ACCOUNT, LOGS, VIA_S3, VIA_SECRETS, Ask, Forbidden, Step

KEY = f"arn:aws:kms:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
BUCKET = "arn:aws:s3:::instance-data"
SECRET = f"arn:aws:secretsmanager:{ACCOUNT}:secret:own-sftp/sftp-host-key-1-AbCdEf"
PARAMETERS = f"arn:aws:ssm:{ACCOUNT}:parameter/own-sftp/sftp"
STREAM = f"{LOGS}:/aws/ec2/own-sftp:log-stream:ip-10-0-0-1"
BUS = f"arn:aws:events:{ACCOUNT}:event-bus/default"
MACHINE = f"arn:aws:states:{ACCOUNT}:stateMachine:own-sftp"
PREFIXES = ("loans/bank_name=FirstBank", "loans/bank_name=?ód?Bank")


def listing(prefix: str) -> Ask:
    return ("s3:ListBucket", BUCKET, {"s3:prefix": prefix})


STEPS = (
    Step("list files", ("ListFolders", "s3:ListBucket"), tuple(listing(f"{p}/year=2026/") for p in PREFIXES)),
    Step(
        "read files",
        ("ReadFolders", "s3:GetObject"),
        tuple(("s3:GetObject", f"{BUCKET}/{prefix}/a.csv", {}) for prefix in PREFIXES),
    ),
    Step(
        "decrypt",
        ("Decrypt", "kms:Decrypt"),
        (("kms:Decrypt", KEY, VIA_S3), ("kms:Decrypt", KEY, VIA_SECRETS)),
    ),
    Step(
        "encrypt the host key",
        ("EncryptHostKey", "kms:GenerateDataKey"),
        (("kms:GenerateDataKey", KEY, VIA_SECRETS),),
    ),
    *(
        Step(f"{verb} the host key", ("KeepHostKey", action), ((action, SECRET, {}),))
        for verb, action in (
            ("read", "secretsmanager:GetSecretValue"),
            ("keep", "secretsmanager:PutSecretValue"),
        )
    ),
    Step(
        "show the fingerprint",
        ("ShowFingerprint", "ssm:PutParameter"),
        (("ssm:PutParameter", f"{PARAMETERS}/host-key-fingerprint", {}),),
    ),
    Step(
        "read the recipients",
        ("ReadRecipients", "ssm:GetParametersByPath"),
        (("ssm:GetParametersByPath", f"{PARAMETERS}/recipients", {}),),
    ),
    *(
        Step(action, ("WriteLogs", action), ((action, STREAM, {}),))
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    ),
    Step(
        "start a receipt",
        ("StartReceipt", "states:StartExecution"),
        (("states:StartExecution", f"{MACHINE}-receipts", {}),),
    ),
    *(
        Step(action, ("OpenSessions", action), ((action, "*", {}),))
        for action in (
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        )
    ),
)
FORBIDDEN = (
    Forbidden("list all prefixes", listing("loans/")),
    Forbidden("list a longer name", listing("loans/bank_name=FirstBankOfNamibia/")),
    Forbidden("read another recipient", ("s3:GetObject", f"{BUCKET}/loans/bank_name=Other/a.csv", {})),
    Forbidden("write a file", ("s3:PutObject", f"{BUCKET}/{PREFIXES[0]}/a.csv", {})),
    Forbidden("delete a file", ("s3:DeleteObject", f"{BUCKET}/{PREFIXES[0]}/a.csv", {})),
    Forbidden("decrypt without a service", ("kms:Decrypt", KEY, {})),
    Forbidden("encrypt without a service", ("kms:GenerateDataKey", KEY, {})),
    Forbidden("read another secret", ("secretsmanager:GetSecretValue", SECRET.replace("own", "other"), {})),
    Forbidden("change a recipient", ("ssm:PutParameter", f"{PARAMETERS}/recipients/first-bank", {})),
    Forbidden("send an alert", ("events:PutEvents", BUS, {"events:source": "sftp-transfer"})),
    Forbidden("start the daily check", ("states:StartExecution", f"{MACHINE}-uncollected", {})),
    Forbidden("assume a role", ("sts:AssumeRole", f"arn:aws:iam::{aws.ACCOUNT}:role/any", {})),
)
