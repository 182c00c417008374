"""The link to a monthly contribution's page: in every mail about it, for guests too."""

from flask import url_for
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select

from kit.database import db
from kit.settings import settings
from payments.models import Contribution


def token_for(contribution: Contribution) -> str:
    """What the link in her mails ends with. It does not run out: a receipt may be found again years later."""
    return _signer().dumps(contribution.public_id)


def by_token(token: str) -> Contribution | None:
    """The monthly contribution that such a link is about."""
    try:
        public_id = _signer().loads(token)
    except BadSignature:
        return None
    query = select(Contribution).where(Contribution.public_id == str(public_id), Contribution.frequency == "month")
    return db.session.scalars(query).one_or_none()


def path_of(contribution: Contribution) -> str:
    """The page on which she sees and ends it."""
    return url_for("monthly.show", token=token_for(contribution))


def _signer() -> URLSafeSerializer:
    # Old keys first: the last one signs.
    keys = [*settings()["SECRET_KEY_FALLBACKS"], settings()["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="monthly contribution")
