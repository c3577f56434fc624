"""The tests parse each botocore description of an AWS service once, and each session gets its own copy."""

from __future__ import annotations

import boto3
import botocore.session
from botocore.stub import Stubber


def path_of_get_object() -> str:
    model = botocore.session.Session().get_service_model("s3")
    return str(model.operation_model("GetObject").http["requestUri"])


def test_request_of_one_session_does_not_change_the_descriptions_of_another_session() -> None:
    assert path_of_get_object() == "/{Bucket}/{Key+}"
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")
    client = session.client("s3")
    with Stubber(client) as stub:
        stub.add_response("get_object", {})
        client.get_object(Bucket="bucket", Key="key")
    assert client.meta.service_model.operation_model("GetObject").http["requestUri"] == "/{Key+}"
    assert path_of_get_object() == "/{Bucket}/{Key+}"
