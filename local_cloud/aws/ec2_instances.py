"""EC2 instances: ministack loses their network interface, disk, metadata options and user data."""

from __future__ import annotations

from collections.abc import Iterator

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, ssm, tagging

from local_cloud.aws.common import Body, Response

IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


def close_arm_images() -> None:
    """Add the public parameter for the newest image of Amazon Linux 2023 for Graviton processors."""
    ssm._PUBLIC_AMI_PARAMETERS[IMAGE] = ssm._PUBLIC_AMI_PARAMETERS[IMAGE.replace("arm64", "x86_64")]


def close_instances() -> None:
    """Keep the launch options of an instance. Give it a public address only if its interface has one."""
    run, terminate, shown = ec2._run_instances, ec2._terminate_instances, ec2._instance_xml
    attribute, volume = ec2._describe_instance_attribute, ec2._volume_inner_xml

    def launched(parameters: Body) -> Response:
        known = set(ec2._instances.keys())
        response: Response = run(parameters)
        for name in set(ec2._instances.keys()) - known:
            instance = ec2._instances[name]
            instance["EbsOptimized"] = ec2._p(parameters, "EbsOptimized") == "true"
            instance["Metadata"] = {
                "endpoint": ec2._p(parameters, "MetadataOptions.HttpEndpoint") or "enabled",
                "hops": ec2._p(parameters, "MetadataOptions.HttpPutResponseHopLimit") or "1",
                "tokens": ec2._p(parameters, "MetadataOptions.HttpTokens") or "optional",
            }
            _attach_interface(instance, ec2._p(parameters, "NetworkInterface.1.NetworkInterfaceId"))
            _encrypt_disk(instance, parameters)
        return response

    def terminated(parameters: Body) -> Response:
        response: Response = terminate(parameters)
        for interface in ec2._network_interfaces.values():
            attachment = interface["Attachment"]
            if attachment and ec2._instances[attachment["InstanceId"]]["State"]["Name"] == "terminated":
                interface |= {"Attachment": None, "Status": "available"}
        return response

    def described(parameters: Body) -> Response:
        instance = ec2._instances.get(ec2._p(parameters, "InstanceId"))
        if instance and ec2._p(parameters, "Attribute") == "userData":
            text = f"<instanceId>{instance['InstanceId']}</instanceId>"
            text += f"<userData><value>{instance['UserData']}</value></userData>"
            return ec2._xml(200, "DescribeInstanceAttributeResponse", text)
        return attribute(parameters)

    def fields(instance: Body) -> str:
        options = instance.get("Metadata")
        # The response of RunInstances contains no metadata options. Terraform does not need them, because it
        # reads only the ID of the instance from this response.
        if not options:
            return str(shown(instance))
        added = f"<ebsOptimized>{str(instance['EbsOptimized']).lower()}</ebsOptimized>"
        added += (
            "<metadataOptions><state>applied</state>"
            f"<httpEndpoint>{options['endpoint']}</httpEndpoint>"
            f"<httpPutResponseHopLimit>{options['hops']}</httpPutResponseHopLimit>"
            "<httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags>"
            f"<httpTokens>{options['tokens']}</httpTokens></metadataOptions>"
        )
        if interface := ec2._network_interfaces.get(instance.get("InterfaceId")):
            added += f"<networkInterfaceSet>{_attached(interface)}</networkInterfaceSet>"
        text = str(shown(instance)).replace("<hypervisor>", f"{added}<hypervisor>")
        if instance.get("InterfaceId"):
            text = text.replace(f"<ipAddress>{instance['PublicIpAddress']}</ipAddress>", "")
            text = text.replace(f"<dnsName>{instance['PublicDnsName']}</dnsName>", "")
        return text

    def disk(shown_volume: Body) -> str:
        key = shown_volume.get("KmsKeyId", "")
        return f"{volume(shown_volume)}<kmsKeyId>{key}</kmsKeyId>" if key else str(volume(shown_volume))

    # ministack calls the functions in _ACTION_MAP, so the map must contain the new functions.
    ec2._ACTION_MAP |= {
        "DescribeInstanceAttribute": described,
        "RunInstances": launched,
        "TerminateInstances": terminated,
    }
    ec2._instance_xml, ec2._volume_inner_xml = fields, disk


def close_instance_tags() -> None:
    """Add the tags of an instance to the condition keys with which policies are evaluated."""

    def tagged() -> Iterator[tuple[str, list[Body]]]:
        place = f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance"
        for name in set(ec2._instances.keys()):
            yield f"{place}/{name}", ec2._tags.get(name, [])

    tagging._RESOURCE_TAG_COLLECTORS["ec2"] = tagged


def close_interface_tags() -> None:
    """Store the tags that a request gives to a new network interface."""
    create = ec2._create_network_interface

    def created(parameters: Body) -> Response:
        known = set(ec2._network_interfaces.keys())
        response: Response = create(parameters)
        for name in set(ec2._network_interfaces.keys()) - known:
            ec2._parse_tag_specs(parameters, "network-interface", name)
        return response

    ec2._ACTION_MAP["CreateNetworkInterface"] = created


def _attach_interface(instance: Body, name: str) -> None:
    interface = ec2._network_interfaces.get(name)
    if not interface:
        return
    ec2._attach_network_interface(
        {"NetworkInterfaceId": [name], "InstanceId": [instance["InstanceId"]], "DeviceIndex": ["0"]}
    )
    instance |= {
        "InterfaceId": name,
        "PrivateIpAddress": interface["PrivateIpAddress"],
        "SecurityGroups": interface["Groups"],
        "SubnetId": interface["SubnetId"],
        "VpcId": interface["VpcId"],
    }


def _encrypt_disk(instance: Body, parameters: Body) -> None:
    given = "BlockDeviceMapping.1.Ebs"
    for mapping in instance["BlockDeviceMappings"]:
        disk = ec2._volumes[mapping["Ebs"]["VolumeId"]]
        disk["Encrypted"] = ec2._p(parameters, f"{given}.Encrypted") == "true"
        disk["KmsKeyId"] = ec2._p(parameters, f"{given}.KmsKeyId")
        disk["Size"] = int(ec2._p(parameters, f"{given}.VolumeSize") or disk["Size"])


def _attached(interface: Body) -> str:
    text = str(ec2._eni_fields_xml(interface))
    return text.replace("</attachment>", "<deleteOnTermination>false</deleteOnTermination></attachment>")
