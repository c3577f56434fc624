"""CloudWatch: DescribeAlarms of ministack omits attributes."""

from __future__ import annotations

import functools
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

from local_cloud.aws.common import Body, Response


def close_alarm_descriptions() -> None:
    """Return all attributes in DescribeAlarms.

    ministack omits many attributes in the protocol that the AWS provider uses.
    """
    original = cloudwatch._describe_alarms

    def members(name: str, values: list[str]) -> str:
        return f"<{name}>{''.join(f'<member>{value}</member>' for value in values)}</{name}>"

    def rest(alarm: Body) -> str:
        dimensions = [
            f"<Name>{escape(d['Name'])}</Name><Value>{escape(d['Value'])}</Value>"
            for d in alarm["Dimensions"]
        ]
        plain = {
            "ActionsEnabled": str(alarm["ActionsEnabled"]).lower(),
            "AlarmDescription": alarm.get("AlarmDescription") or "",
            "Period": alarm["Period"],
            "Statistic": alarm["Statistic"],
            "TreatMissingData": alarm["TreatMissingData"],
        }
        return "".join(
            [
                *(f"<{name}>{escape(str(value))}</{name}>" for name, value in plain.items()),
                members("AlarmActions", [escape(action) for action in alarm["AlarmActions"]]),
                members("Dimensions", dimensions),
                members("OKActions", [escape(action) for action in alarm["OKActions"]]),
            ]
        )

    @functools.wraps(original)
    def describe(params: Any, cbor_data: Any, is_cbor: bool, is_json: bool = False) -> Response:
        status, headers, body = original(params, cbor_data, is_cbor, is_json)
        if is_cbor or is_json or status >= 300:
            return status, headers, body
        text = body.decode()
        for alarm in cloudwatch._alarms.values():
            begin = f"<member><AlarmName>{alarm['AlarmName']}</AlarmName>"
            text = text.replace(begin, begin + rest(alarm))
        return status, headers, text.encode()

    cloudwatch._describe_alarms = describe
