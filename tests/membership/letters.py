"""Reading the mails that were written: the newest to somebody, and the path of the link in it."""

import re
from typing import Any

from kit.settings import settings


def newest_to(outbox: Any, address: str) -> Any:
    """The newest mail to this address."""
    return [mail for mail in outbox() if mail.recipient == address][-1]


def path_in(mail: Any) -> str:
    """The path of the first link into /account/ with a token."""
    found = re.search(r"/account/(?:verify|link|reset)/[\w-]{20,}", mail.text)
    assert found, mail.text
    assert f"{settings()['PUBLIC_URL']}{found[0]}" in mail.text, "links are built from PUBLIC_URL"
    return found[0]
