"""Policies of IAM, judged as AWS does: a deny wins, then an allow is needed, for every resource of the call.

moto's own judge looks at the action alone. What is not known here (a condition's operator, say) is refused aloud: a
test of least privilege must not pass because a condition was not understood.
"""

import fnmatch
import re


class Unknown(Exception):
    """A policy that this judge does not understand."""


def judge(documents, action, arn, context):
    """`allow`, `deny`, or nothing said."""
    verdict = None
    for document in documents:
        for statement in many(document.get("Statement")):
            if not concerns(statement, action, arn, context):
                continue
            if statement["Effect"] == "Deny":
                return "deny"
            verdict = "allow"
    return verdict


def trusts(document, principal, account, action, context):
    """Whether a role's trust policy lets that principal assume it."""
    verdict = False
    for statement in many(document.get("Statement")):
        named = statement.get("Principal", {})
        named = many("*" if named == "*" else named.get("AWS", []))
        root = {account, f"arn:aws:iam::{account}:root"}
        if not any(one == "*" or one in root or like(one, principal) for one in named):
            continue
        if not any(like(one.lower(), action.lower()) for one in many(statement.get("Action"))):
            continue
        if not all_hold(statement.get("Condition"), context):
            continue
        if statement["Effect"] == "Deny":
            return False
        verdict = True
    return verdict


def many(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def like(pattern, value):
    # Only * and ? are special to IAM.
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def concerns(statement, action, arn, context):
    known = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
    if set(statement) - known:
        raise Unknown(f"a statement has {', '.join(sorted(set(statement) - known))}")
    if "NotAction" in statement:
        if any(like(one.lower(), action.lower()) for one in many(statement["NotAction"])):
            return False
    elif not any(like(one.lower(), action.lower()) for one in many(statement["Action"])):
        return False
    if "NotResource" in statement:
        if any(like(fill(one, context), arn) for one in many(statement["NotResource"])):
            return False
    elif not any(like(fill(one, context), arn) for one in many(statement["Resource"])):
        return False
    return all_hold(statement.get("Condition"), context)


def fill(text, context):
    """Policy variables such as ${aws:PrincipalAccount}."""
    return re.sub(r"\$\{([^}]+)\}", lambda found: one_of(get(context, found.group(1))), text)


def one_of(values):
    return values[0] if values else ""


def get(context, key):
    """The values of a key, whose name has no case but for a tag's part after the slash."""
    name, slash, rest = key.partition("/")
    found = context.get(name.lower() + slash + rest)
    return None if found is None else [str(one) for one in many(found)]


def all_hold(conditions, context):
    return all(
        holds(operator, key, [fill(word(one), context) for one in many(wanted)], get(context, key))
        for operator, pairs in (conditions or {}).items() for key, wanted in pairs.items())


def word(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def holds(operator, key, wanted, values):
    several, _, plain = operator.rpartition(":")
    if several not in ("", "ForAllValues", "ForAnyValue"):
        raise Unknown(f"the operator {operator}")
    if plain == "Null":
        return (values is None) == (wanted[0].lower() == "true")
    lenient = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    negated = "Not" in plain
    test = {
        "StringEquals": lambda one, value: one == value,
        "StringEqualsIgnoreCase": lambda one, value: one.lower() == value.lower(),
        "StringLike": like, "ArnEquals": like, "ArnLike": like,
        "Bool": lambda one, value: one.lower() == value.lower(),
        "NumericEquals": lambda one, value: float(one) == float(value),
        "NumericLessThan": lambda one, value: float(value) < float(one),
        "NumericLessThanEquals": lambda one, value: float(value) <= float(one),
        "NumericGreaterThan": lambda one, value: float(value) > float(one),
        "NumericGreaterThanEquals": lambda one, value: float(value) >= float(one),
    }.get(plain.replace("Not", ""))
    if test is None:
        raise Unknown(f"the operator {operator}")
    if values is None:
        return lenient or negated or several == "ForAllValues"
    fits = [any(test(one, value) for one in wanted) != negated for value in values]
    if several == "ForAllValues":
        return all(fits)
    if several == "ForAnyValue":
        return any(fits)
    return len(fits) > 0 and all(fits)
