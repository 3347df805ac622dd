"""Tokens that stand for a database password: a request to rds-db, signed in advance."""

import datetime
import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit


def wrong(token, user, endpoint, region, secret_of):
    """What is wrong with a token. `secret_of(access key, session token)` gives the key's secret, None for one that
    is not known but let through, or raises with the reason."""
    url = urlsplit("https://" + token.removeprefix("https://"))
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    scope = query.get("X-Amz-Credential", "").split("/")
    if query.get("Action") != "connect" or len(scope) != 5 or scope[3:] != ["rds-db", "aws4_request"]:
        return "the password is no token for rds-db"
    if query.get("DBUser") != user:
        return f"the token is for the user {query.get('DBUser')}"
    if url.netloc != endpoint:
        return f"the token is for {url.netloc}, and this is {endpoint}"
    if scope[2] != region:
        return f"the token is for {scope[2]}, and this is {region}"
    try:
        signed = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        lasts = int(query["X-Amz-Expires"])
    except (KeyError, ValueError):
        return "the token has no time"
    age = (datetime.datetime.now(datetime.UTC) - signed).total_seconds()
    if lasts > 900 or not -300 <= age <= lasts:
        return "the token is expired"
    try:
        secret = secret_of(scope[0], query.get("X-Amz-Security-Token"))
    except ValueError as reason:
        return str(reason)
    if secret is not None and signature(url, query, scope, secret) != query.get("X-Amz-Signature"):
        return "the signature of the token is not right"
    return None


def signature(url, query, scope, secret):
    parts = sorted(one for one in url.query.split("&") if not one.startswith("X-Amz-Signature="))
    empty = hashlib.sha256(b"").hexdigest()
    request = "\n".join(["GET", url.path or "/", "&".join(parts), f"host:{url.netloc}", "", "host", empty])
    text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], "/".join(scope[1:]),
                      hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
