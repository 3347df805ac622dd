"""Who calls, and whether they may."""

import re

from . import faults
from .wire import Problem


class Guard:
    def __init__(self, root_key):
        self.root_key = root_key
        self.enforced = False
        self.expired = set()
        # Keys issued until then are over.
        self.all_expired = False

    def account(self, call):
        """The account of an access key: the one of the role that was assumed, else the first."""
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.iam.models import get_account_id_from
        return get_account_id_from(call.access_key) if call.access_key else DEFAULT_ACCOUNT_ID

    def refuse(self, call, account, environ):
        """The error of a call that is not let through."""
        if call.access_key in self.expired:
            return faults.expired(call)
        return None
