"""Calls as they are on the wire: which service and operation, the parameters, and errors in each protocol's format."""

import base64
import functools
import json
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import OperationNotFoundError
from botocore.utils import parse_timestamp

# By the name in a signature, the name of the model.
MODELS = {"tagging": "resourcegroupstaggingapi", "monitoring": "cloudwatch"}
SECRET = re.compile(r"Password|SecretString|SecretBinary|SecretAccessKey|SessionToken|Plaintext|CiphertextBlob|PreSignedUrl")
BLANK = "****"


@functools.cache
def session():
    return botocore.session.Session()


@functools.cache
def model(service):
    try:
        return session().get_service_model(MODELS.get(service, service))
    except Exception:
        return None


@dataclass
class Request:
    service: str | None
    region: str | None
    access_key: str | None
    token: str | None
    operation: str | None = None
    protocol: str | None = None
    params: dict = field(default_factory=dict)
    # What does not fit the model: unknown, and of the wrong type.
    odd: list = field(default_factory=list)
    illegible: list = field(default_factory=list)
    body: bytes = b""

    def shape(self):
        """The operation's model, if it has one."""
        described = model(self.service) if self.service else None
        try:
            return described.operation_model(self.operation) if described and self.operation else None
        except OperationNotFoundError:
            return None


def read(environ):
    """Reads a call, and leaves its body to be read again."""
    import io
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        body = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    query = parse_qs(environ.get("QUERY_STRING", ""))
    scope = re.search(r"Credential=([^,\s]+)", environ.get("HTTP_AUTHORIZATION", ""))
    scope = scope.group(1) if scope else (query.get("X-Amz-Credential") or [""])[0]
    part = scope.split("/")
    key, region, service = (part[0], part[2], part[3].lower()) if len(part) == 5 else (None, None, None)
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or (query.get("X-Amz-Security-Token") or [None])[0]
    call = Request(service, region, key, token, body=body)
    described = model(service) if service else None
    if described is None:
        return call
    call.protocol = described.protocol
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        call.operation, call.protocol = target.split(".")[-1], "json"
        json_params(call)
    elif described.metadata.get("protocol") in ("query", "ec2") or "query" in described.metadata.get("protocols", []):
        form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        form += parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        flat = dict(form)
        call.operation = flat.pop("Action", None)
        flat.pop("Version", None)
        query_params(call, {name: value for name, value in flat.items() if not name.startswith("X-Amz-")})
    else:
        rest(call, environ)
    return call


def rest(call, environ):
    """Operations of services that go by path are known by moto's own router."""
    from moto.core.request import Request as MotoRequest
    from moto.core.routing import get_service_router
    try:
        found, _ = get_service_router(MODELS.get(call.service, call.service)).match(MotoRequest(dict(environ)))
        call.operation = found.name
    except Exception:
        call.operation = f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"


def json_params(call):
    try:
        call.params = json.loads(call.body or b"{}")
    except ValueError:
        call.illegible.append("the body is no JSON")


def query_params(call, flat):
    operation = call.shape()
    if operation is None:
        call.params = flat
        return
    if operation.input_shape is None:
        call.odd += [f"unknown parameter {name}" for name in flat]
        return
    used = set()
    call.params = take(operation.input_shape, flat, "", used, call.protocol, call.illegible) or {}
    call.odd += [f"unknown parameter {name}" for name in flat if name not in used]


def take(shape, flat, prefix, used, protocol, odd):
    """The value of a shape in a form, where lists are `Name.member.1` and structures `Name.Member`."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            key = query_name(name, member, protocol)
            value = take(member, flat, f"{prefix}.{key}" if prefix else key, used, protocol, odd)
            if value is not None:
                found[name] = value
        return found or None
    if shape.type_name in ("list", "map"):
        return take_many(shape, flat, prefix, used, protocol, odd)
    if prefix not in flat:
        return None
    used.add(prefix)
    text = flat[prefix]
    try:
        return scalar(shape, text)
    except Exception:
        odd.append(f"{prefix} is no {shape.type_name}: {text}")
        return text


def scalar(shape, text):
    match shape.type_name:
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case "boolean":
            return {"true": True, "false": False}[text.lower()]
        case "timestamp":
            return parse_timestamp(text)
        case "blob":
            return base64.b64decode(text)
    return text


def take_many(shape, flat, prefix, used, protocol, odd):
    if prefix in flat and flat[prefix] == "":
        # An empty list.
        used.add(prefix)
        return [] if shape.type_name == "list" else {}
    found, index = [], 1
    flattened = shape.serialization.get("flattened") or protocol == "ec2"
    if shape.type_name == "map":
        base = prefix if flattened else f"{prefix}.entry"
        keys = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
        pairs = {}
        while f"{base}.{index}.{keys[0]}" in flat:
            used.add(f"{base}.{index}.{keys[0]}")
            name = flat[f"{base}.{index}.{keys[0]}"]
            pairs[name] = take(shape.value, flat, f"{base}.{index}.{keys[1]}", used, protocol, odd)
            index += 1
        return pairs or None
    bases = [prefix] if flattened else [f"{prefix}.{shape.member.serialization.get('name', 'member')}", f"{prefix}.member"]
    if flattened and shape.member.serialization.get("name") and protocol != "ec2":
        bases.insert(0, ".".join([*prefix.split(".")[:-1], shape.member.serialization["name"]]))
    for base in bases:
        while any(name == f"{base}.{index}" or name.startswith(f"{base}.{index}.") for name in flat):
            value = take(shape.member, flat, f"{base}.{index}", used, protocol, odd)
            found.append({} if value is None else value)
            index += 1
        if found:
            return found
    return None


def query_name(name, member, protocol):
    if protocol == "ec2":
        if "queryName" in member.serialization:
            return member.serialization["queryName"]
        key = member.serialization.get("name", name)
        return key[0].upper() + key[1:]
    return member.serialization.get("name", name)


def blanked(value, name=""):
    """The same without secrets, for a record."""
    if isinstance(value, dict):
        return {key: blanked(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [blanked(one, name) for one in value]
    if SECRET.search(name):
        return BLANK
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


# Errors --------------------------------------------------------------------------------------------------------


@dataclass
class Problem:
    """An error as a service tells it."""

    code: str
    message: str
    status: int = 400

    def answer(self, call):
        """Status, headers and body in the protocol of the call."""
        id = request_id()
        headers = [("x-amzn-RequestId", id)]
        kind = "Receiver" if self.status >= 500 else "Sender"
        if call.protocol in ("json", "rest-json"):
            headers += [("Content-Type", "application/x-amz-json-1.1"), ("X-Amzn-ErrorType", self.code)]
            body = json.dumps({"__type": self.code, "message": self.message})
        elif call.protocol == "ec2":
            headers.append(("Content-Type", "text/xml"))
            body = (f"<Response><Errors><Error><Code>{escape(self.code)}</Code><Message>{escape(self.message)}"
                    f"</Message></Error></Errors><RequestID>{id}</RequestID></Response>")
        elif call.protocol == "rest-xml":
            headers.append(("Content-Type", "application/xml"))
            body = (f"<Error><Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
                    f"<RequestId>{id}</RequestId></Error>")
        else:
            space = model(call.service).metadata.get("xmlNamespace", "") if call.service and model(call.service) else ""
            headers.append(("Content-Type", "text/xml"))
            body = (f'<ErrorResponse xmlns="{space}"><Error><Type>{kind}</Type><Code>{escape(self.code)}</Code>'
                    f"<Message>{escape(self.message)}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>")
        return self.status, headers, body.encode()


def request_id():
    text = secrets.token_hex(16)
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])
