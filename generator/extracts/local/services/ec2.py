"""VPC: interface endpoints forget who may call, and what they are called."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ministack.services import ec2

from extracts.local.services.common import Body, Response


def close_vpc_endpoints() -> None:
    """Endpoints keep their security groups, private names and policy, and can be given others."""
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
        added = (
            f"<groupSet>{groups}</groupSet>"
            f"<policyDocument>{escape(endpoint.get('PolicyDocument', ''))}</policyDocument>"
            f"<privateDnsEnabled>{str(endpoint.get('PrivateDnsEnabled', False)).lower()}</privateDnsEnabled>"
        )
        return str(shown(endpoint, tag)).replace("<ownerId>", f"{added}<ownerId>")

    # The map was made of the functions themselves, so that it needs the new ones too.
    ec2._ACTION_MAP |= {"CreateVpcEndpoint": created, "ModifyVpcEndpoint": modified}
    ec2._vpce_fields_xml = fields


def close_prefix_lists() -> None:
    """A rule of a security group may name a prefix list instead of addresses."""
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
