"""Addresses: what is stored, and the key by which two spellings are one person.

The stored address is as typed, because mail goes there. The key folds the case and the domain's script; look-alike
letters and plus-tags stay distinct, so that nobody is merged with a stranger (safety A17).
"""

import unicodedata

from email_validator import EmailNotValidError, validate_email


class NotAnAddress(ValueError):
    """The typed text is not an e-mail address; its text says what is wrong with it."""


def parse(typed: str) -> tuple[str, str]:
    """(address to store, key). Raises NotAnAddress. Asks no DNS and accepts no local part that SMTP cannot carry."""
    try:
        found = validate_email(typed.strip(), check_deliverability=False, allow_smtputf8=False, strict=True, test_environment=True)
    except EmailNotValidError as error:
        raise NotAnAddress(str(error)) from error
    local = unicodedata.normalize("NFC", found.local_part).casefold()
    return found.normalized, f"{local}@{found.ascii_domain.casefold()}"


def key(typed: str) -> str:
    """Only the key. Raises NotAnAddress."""
    return parse(typed)[1]
