"""RDS put into moto's place for it: moto still parses the call, and writes the answer by botocore's model.

Subnet, parameter and option groups stay moto's own. All that it would do with instances and snapshots of its own is
taken out: an operation that is neither here nor in KEPT is answered as not implemented.
"""

from moto.core.resource_tagging import TaggedResource
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.rds import models, responses, urls

from . import answers, backups, clusters, instances, restore, snapshots
from .support import Call

OPERATIONS = {
    **instances.OPERATIONS, **snapshots.OPERATIONS, **restore.OPERATIONS, **clusters.OPERATIONS, **backups.OPERATIONS,
    **answers.OPERATIONS,
}
KEPT = {
    "CreateDBSubnetGroup", "DescribeDBSubnetGroups", "ModifyDBSubnetGroup", "DeleteDBSubnetGroup",
    "CreateDBParameterGroup", "CopyDBParameterGroup", "DescribeDBParameterGroups", "DescribeDBParameters",
    "ModifyDBParameterGroup", "DeleteDBParameterGroup", "CreateDBClusterParameterGroup",
    "CopyDBClusterParameterGroup", "DescribeDBClusterParameterGroups", "DescribeDBClusterParameters",
    "ModifyDBClusterParameterGroup", "DeleteDBClusterParameterGroup", "CreateOptionGroup", "DescribeOptionGroups",
    "DescribeOptionGroupOptions", "ModifyOptionGroup", "DeleteOptionGroup",
}


def known(operation):
    return operation in OPERATIONS or operation in KEPT


offered = None


def install(state, offers, require_presigned):
    """From now on moto sends calls of RDS here."""
    global offered
    offered = offers

    class Response(responses.RDSResponse):
        pass

    def method(function):
        def answer(self):
            # The tagging API only asks those that exist.
            models.rds_backends[self.current_account][self.region]
            call = Call(state, offers, self.current_account, self.region, require_presigned)
            with state.lock:
                state.settle()
                return ActionResult(function(call, plain(self.params)))
        return answer

    for name, function in OPERATIONS.items():
        setattr(Response, camelcase_to_underscores(name), method(function))
    urls.url_paths["{0}/$"] = Response.dispatch

    def tagged(self):
        """What the tagging API is told of RDS."""
        with state.lock:
            state.settle()
            for kind in ("db", "cluster", "snapshot", "cluster-snapshot"):
                for one in state.of(kind, self.account_id, self.region_name).values():
                    yield TaggedResource(arn=one.arn, tags=dict(one.tags), resource_type=f"rds:{kind}")

    def tag(self, arn, tags):
        with state.lock:
            state.by_arn(arn).tags.update(tags)

    def untag(self, arn, keys):
        with state.lock:
            for key in keys:
                state.by_arn(arn).tags.pop(key, None)

    models.RDSBackend.iter_tagged_resources = tagged
    models.RDSBackend.tag_resource = tag
    models.RDSBackend.untag_resource = untag


def plain(params):
    """Parameters by the names that the model has for them."""
    if hasattr(params, "original_dict"):
        params = params.original_dict()
    if isinstance(params, dict):
        return {key: plain(value) for key, value in params.items()}
    if isinstance(params, list):
        return [plain(value) for value in params]
    return params
