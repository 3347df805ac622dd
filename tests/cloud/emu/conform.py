"""Checks calls and answers against the models that botocore publishes, enums and unknown members included."""

import json
import re
from xml.etree import ElementTree

from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator


def request(call):
    """What is wrong with the parameters: what a service refuses, and what it would let pass."""
    if call.protocol not in ("query", "ec2", "json"):
        return [], []
    operation = call.shape()
    if operation is None:
        return [], [f"no operation {call.operation} of {call.service}"]
    refused, noted = list(call.illegible), list(call.odd)
    if operation.input_shape is None:
        return refused, noted
    report = ParamValidator().validate(call.params, operation.input_shape)
    if report.has_errors() and not refused:
        refused += report.generate_report().splitlines()
    if call.protocol == "json":
        unknown(operation.input_shape, call.params, "", noted)
    enums(operation.input_shape, call.params, "", noted)
    return refused, noted


def unknown(shape, value, where, wrong):
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for name, one in value.items():
            if name not in names:
                wrong.append(f"unknown member {where}{name}")
            elif one is not None:
                unknown(names[name], one, f"{where}{name}.", wrong)
    elif shape.type_name == "list" and isinstance(value, list):
        for one in value:
            unknown(shape.member, one, where, wrong)


def enums(shape, value, where, wrong):
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, one in value.items():
            if name in shape.members and one is not None:
                enums(shape.members[name], one, f"{where}{name}.", wrong)
    elif shape.type_name == "list" and isinstance(value, list):
        for one in value:
            enums(shape.member, one, where, wrong)
    elif shape.type_name == "string" and getattr(shape, "enum", None) and isinstance(value, str):
        if value not in shape.enum:
            wrong.append(f"{where.rstrip('.')}: {value!r} is none of {', '.join(shape.enum)}")


def response(call, status, body):
    """What is wrong with an answer."""
    operation = call.shape()
    if operation is None or call.protocol not in ("query", "ec2", "json"):
        return []
    if status >= 300:
        return error(call, operation, status, body)
    wrong = []
    if operation.output_shape is None:
        return wrong
    if call.protocol == "json":
        try:
            value = json.loads(body or b"{}")
        except ValueError:
            return ["the answer is no JSON"]
        unknown(operation.output_shape, value, "", wrong)
        enums(operation.output_shape, value, "", wrong)
        for name in operation.output_shape.required_members:
            if name not in value:
                wrong.append(f"missing member {name}")
        return wrong
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as broken:
        return [f"the answer is no XML: {broken}"]
    wrapper = operation.output_shape.serialization.get("resultWrapper")
    if wrapper:
        root = next((one for one in root if local(one) == wrapper), None)
        if root is None:
            return [f"the answer has no {wrapper}"]
    element(operation.output_shape, root, "", wrong, call.protocol)
    return wrong


def error(call, operation, status, body):
    """An error that the operation can't have, or in a format that no client reads."""
    if call.protocol == "json":
        try:
            code = json.loads(body)["__type"].split("#")[-1]
        except (ValueError, KeyError, TypeError):
            return [f"the error of status {status} has no code"]
    else:
        found = re.search(rb"<Code>([^<]+)</Code>", body or b"")
        if not found:
            return [f"the error of status {status} has no code"]
        code = found.group(1).decode()
    if status >= 500 or call.protocol == "ec2":
        return []
    described = {one.error_code for one in operation.error_shapes}
    return [] if code in described or code in COMMON else [f"the error {code} is not one of this operation"]


COMMON = {
    "InvalidParameterCombination", "InvalidParameterValue", "ValidationError", "ValidationException", "Throttling",
    "ThrottlingException", "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException",
    "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException", "RequestExpired", "InternalFailure",
    "ServiceUnavailable", "NotImplemented", "InvalidAction", "RequestLimitExceeded",
}


def local(one):
    return one.tag.rsplit("}", 1)[-1]


def element(shape, node, where, wrong, protocol):
    if shape.type_name == "structure":
        structure(shape, node, where, wrong, protocol)
    elif shape.type_name == "list":
        if shape.serialization.get("flattened"):
            element(shape.member, node, where, wrong, protocol)
            return
        name = shape.member.serialization.get("name", "member")
        for one in node:
            if local(one) != name:
                wrong.append(f"{where.rstrip('.')}: a list of {name} has {local(one)}")
            else:
                element(shape.member, one, where, wrong, protocol)
    elif shape.type_name != "map":
        scalar(shape, node.text or "", where.rstrip("."), wrong)


def structure(shape, node, where, wrong, protocol):
    names = {}
    for name, member in shape.members.items():
        flat = member.type_name == "list" and member.serialization.get("flattened")
        key = member.serialization.get("name", name)
        names[member.member.serialization.get("name", key) if flat else key] = member
    seen = set()
    for one in node:
        key = local(one)
        if key not in names:
            if key not in ("requestId", "RequestId", "ResponseMetadata"):
                wrong.append(f"unknown member {where}{key}")
            continue
        repeated = names[key].type_name == "list" and names[key].serialization.get("flattened")
        if key in seen and not repeated:
            wrong.append(f"{where}{key} is there twice")
        seen.add(key)
        element(names[key], one, f"{where}{key}.", wrong, protocol)
    for name in shape.required_members:
        if shape.members[name].serialization.get("name", name) not in seen:
            wrong.append(f"missing member {where}{name}")


def scalar(shape, text, where, wrong):
    try:
        if shape.type_name in ("integer", "long"):
            int(text)
        elif shape.type_name in ("float", "double"):
            float(text)
        elif shape.type_name == "boolean" and text not in ("true", "false"):
            raise ValueError
        elif shape.type_name == "timestamp":
            parse_timestamp(text)
    except Exception:
        wrong.append(f"{where}: {text!r} is no {shape.type_name}")
    if shape.type_name == "string" and getattr(shape, "enum", None) and text not in shape.enum:
        wrong.append(f"{where}: {text!r} is none of {', '.join(shape.enum)}")
