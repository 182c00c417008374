"""Tables of readers, their sessions, the sources of their memberships and what follows from them."""

from membership.models.accounts import Account
from membership.models.grace import GraceTerm
from membership.models.grants import Grant
from membership.models.memberships import Membership, MembershipInterval, MembershipSource
from membership.models.meter import MeterRead
from membership.models.sessions import LoginSession
from membership.models.tokens import AccountToken

__all__ = [
    "Account",
    "AccountToken",
    "GraceTerm",
    "Grant",
    "LoginSession",
    "Membership",
    "MembershipInterval",
    "MembershipSource",
    "MeterRead",
]
