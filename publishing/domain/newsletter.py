"""Subscriptions to the newsletter: their states, what asking may cost a stranger, when an address is given up.

Asking never changes a state: anybody can type any address. Only what proves the address does (the link that was
mailed to it, or a verified account), and what ends letters needs no more than a link from one of them.
"""

import ipaddress
import re
from datetime import date, datetime, timedelta

STATES = ("pending", "confirmed", "unsubscribed", "suspended")
RECORDED = ("asked", "letter", "confirmed", "unsubscribed", "suspended", "changed")

CONSENT_WORDING = "2026-11"  # names the text in templates/newsletter/consent.html; a test holds the two together

LETTERS_AT_MOST = 3  # confirmation letters to an address that has not answered, ever
LETTER_EVERY = timedelta(hours=24)
CONFIRM_WITHIN = timedelta(days=7)

FILLED_AFTER = timedelta(seconds=1)  # no person is faster, not even one whose browser fills the address in
FORM_LIVES = timedelta(hours=24)

_ENHANCED = re.compile(r"(?<![\d.])5\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")  # 5.1.1, and no piece of an IP address
_NOBODY = re.compile(
    r"\bno (such|mailbox)\b|\b(unknown|invalid) (local )?(user|mailbox|recipient)\b|\bnot local\b"
    r"|\b(user|mailbox|recipient|account)( is)? (unknown|not found|disabled|inactive)\b"
    r"|\b(user|mailbox|recipient|account|address) (does not|doesn'?t) exist\b",
    re.IGNORECASE,
)

_AFTER = {
    "confirm": {"pending": "confirmed", "confirmed": "confirmed", "unsubscribed": "confirmed", "suspended": "confirmed"},
    "unsubscribe": {"pending": "unsubscribed", "confirmed": "unsubscribed", "unsubscribed": "unsubscribed", "suspended": "unsubscribed"},
    "bounce": {"pending": "suspended", "confirmed": "suspended", "unsubscribed": "unsubscribed", "suspended": "suspended"},
    "ask": {state: state for state in STATES},
}


def after(state: str, event: str) -> str:
    """The state after "ask", "confirm", "unsubscribe" or "bounce". KeyError for anything else."""
    return _AFTER[event][state]


def may_write(state: str, letters: int, last: datetime | None, now: datetime) -> bool:
    """May a confirmation letter go to this mailbox? ``letters`` unanswered ones were sent, the last at ``last``."""
    if state == "confirmed" or letters >= LETTERS_AT_MOST:
        return False
    return last is None or now - last >= LETTER_EVERY


def mailbox(key: str) -> str:
    """An address key without its +tag: ann+1@x and ann+2@x fill one mailbox."""
    local, _, domain = key.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def network(address: str) -> str:
    """The neighbourhood of an IP address or /64 ("203.0.113.0/24", "2001:db8::/48"), or "unknown"."""
    try:
        found = ipaddress.ip_address(address.partition("/")[0])
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False))


def gets_letters(state: str, daily: bool, paused_until: date | None, today: date) -> bool:
    """Is this subscription due today's issue? A pause ends on the morning of ``paused_until``."""
    return state == "confirmed" and daily and (paused_until is None or paused_until <= today)


def gives_up(code: int, text: str) -> bool:
    """Does this refusal at RCPT say that the address is dead (and not that the server dislikes us)?

    5.1.x and 5.2.1 speak of the mailbox; 5.1.7 and 5.1.8 of the sender's, and 5.7.x of us. Without such a code the
    words must say it: filters answer a bare 550 as well, and believing them would empty the list on the day on which
    a blocklist errs.
    """
    if not 500 <= code < 600:
        return False
    if enhanced := _ENHANCED.search(text):
        subject, detail = enhanced.groups()
        return (subject == "1" and detail not in ("7", "8", "9")) or (subject, detail) == ("2", "1")
    return code in (550, 551, 553) and _NOBODY.search(text) is not None


def mailable(email: str, key: str) -> str:
    """The address as it goes on the wire: its local part as typed, its domain in ASCII.

    ValueError if SMTP could misread it (a line break, a list, a local part of more than 64). Checked here once more,
    because rows also come from imports.
    """
    local, domain = email.rpartition("@")[0], key.rpartition("@")[2]
    address = f"{local}@{domain}"
    # "=?" begins an encoded word: an address that is read as one may hold anything.
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}", address) or re.search(r"^\.|\.\.|\.@|=\?", address):
        raise ValueError("not an address that can be mailed")
    return address
