"""VPC: in ministack, interface endpoints lose their policy and have no DNS names."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ministack.core.responses import get_region
from ministack.services import ec2

from local_cloud.aws.common import Body, Response


def close_vpc_endpoints() -> None:
    """Keep the security groups, the policy and the private DNS setting of endpoints. Add their DNS names."""
    create, modify, shown = ec2._create_vpc_endpoint, ec2._modify_vpc_endpoint, ec2._vpce_fields_xml

    def private_names(parameters: Body, otherwise: bool) -> bool:
        return bool(ec2._p(parameters, "PrivateDnsEnabled", str(otherwise)).lower() == "true")

    def created(parameters: Body) -> Response:
        known = set(ec2._vpc_endpoints.keys())
        response: Response = create(parameters)
        for name in set(ec2._vpc_endpoints.keys()) - known:
            ec2._vpc_endpoints[name] |= {
                "Groups": ec2._parse_member_list(parameters, "SecurityGroupId"),
                "PolicyDocument": ec2._p(parameters, "PolicyDocument"),
                "PrivateDnsEnabled": private_names(parameters, False),
            }
        return response

    def modified(parameters: Body) -> Response:
        response: Response = modify(parameters)
        if response[0] < 300:
            endpoint = ec2._vpc_endpoints[ec2._p(parameters, "VpcEndpointId")]
            gone = ec2._parse_member_list(parameters, "RemoveSecurityGroupId")
            kept = [group for group in endpoint["Groups"] if group not in gone]
            endpoint["Groups"] = kept + ec2._parse_member_list(parameters, "AddSecurityGroupId")
            endpoint["PrivateDnsEnabled"] = private_names(parameters, endpoint["PrivateDnsEnabled"])
        return response

    def fields(endpoint: Body, tag: str = "item") -> str:
        groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in endpoint.get("Groups", []))
        names = "".join(f"<item><dnsName>{name}</dnsName></item>" for name in dns_names(endpoint))
        added = (
            f"<dnsEntrySet>{names}</dnsEntrySet>"
            f"<groupSet>{groups}</groupSet>"
            f"<policyDocument>{escape(endpoint.get('PolicyDocument', ''))}</policyDocument>"
            f"<privateDnsEnabled>{str(endpoint.get('PrivateDnsEnabled', False)).lower()}</privateDnsEnabled>"
        )
        return str(shown(endpoint, tag)).replace("<ownerId>", f"{added}<ownerId>")

    # ministack calls the functions in _ACTION_MAP, so the map must contain the new functions.
    ec2._ACTION_MAP |= {"CreateVpcEndpoint": created, "ModifyVpcEndpoint": modified}
    ec2._vpce_fields_xml = fields


def create_endpoint(service: str, vpc: str, subnets: list[str], groups: list[str]) -> str:
    """Create an interface endpoint, as Transfer Family does for a server in a VPC.

    Return the endpoint's ID.
    """
    known = set(ec2._vpc_endpoints.keys())
    parameters = {
        "ServiceName": [f"com.amazonaws.{get_region()}.{service}"],
        "VpcEndpointType": ["Interface"],
        "VpcId": [vpc],
        **{f"SubnetId.{number}": [subnet] for number, subnet in enumerate(subnets, 1)},
        **{f"SecurityGroupId.{number}": [group] for number, group in enumerate(groups, 1)},
    }
    ec2._ACTION_MAP["CreateVpcEndpoint"](parameters)
    [name] = set(ec2._vpc_endpoints.keys()) - known
    return str(name)


def delete_endpoint(name: str) -> None:
    """Delete an interface endpoint that a service created."""
    ec2._ACTION_MAP["DeleteVpcEndpoints"]({"VpcEndpointId.1": [name]})


def dns_names(endpoint: Body) -> list[str]:
    """Return the DNS names of an interface endpoint: first the regional name, then one per zone.

    Example: vpce-0123456789abcdef0-76543210.server.transfer.eu-west-1.vpce.amazonaws.com
    https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
    """
    if endpoint["VpcEndpointType"] != "Interface":
        return []
    stem = f"{endpoint['VpcEndpointId']}-{endpoint['VpcEndpointId'][-8:]}"
    service = endpoint["ServiceName"].split(".", 3)[3]
    # The service name of a Transfer server ends with a cell number. The DNS names do not contain this number.
    host = "server.transfer" if service.startswith("transfer.server") else service
    zones = [
        ec2._subnets[subnet]["AvailabilityZone"] for subnet in endpoint["SubnetIds"] if subnet in ec2._subnets
    ]
    return [
        f"{name}.{host}.{get_region()}.vpce.amazonaws.com"
        for name in (stem, *(f"{stem}-{zone}" for zone in zones))
    ]


def close_prefix_lists() -> None:
    """Accept a security group rule that names a prefix list instead of addresses."""
    parse, shown = ec2._parse_ip_permissions, ec2._sg_rule_xml

    def parsed(parameters: Body, prefix: str) -> list[Body]:
        rules: list[Body] = parse(parameters, prefix)
        for number, rule in enumerate(rules, 1):
            given = f"{prefix}.{number}.PrefixListIds.1"
            if name := ec2._p(parameters, f"{given}.PrefixListId"):
                words = ec2._p(parameters, f"{given}.Description")
                rule["PrefixListIds"] = [{"PrefixListId": name} | ({"Description": words} if words else {})]
        return rules

    def fields(group: str, rule: Body, is_egress: bool = False) -> str:
        text = str(shown(group, rule, is_egress))
        for named in rule.get("PrefixListIds", []):
            text = text.replace("</item>", f"<prefixListId>{named['PrefixListId']}</prefixListId></item>")
        return text

    ec2._parse_ip_permissions, ec2._sg_rule_xml = parsed, fields
