"""Faults where things come in and go out: the webhook, the chain over what it took in, the mail."""

import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

from flask import current_app

from kit import mail
from kit.mail import OutboxMail
from payments import journal
from payments.domain import chain, signatures
from tests.mutants import mutant, swapped


@mutant(
    "acknowledge-before-commit",
    rule="stripe.md §6 and scenario 26, safety R1: 2xx only after the commit",
    caught_by="tests/payments/test_webhook.py::test_w19_stripe_is_asked_to_come_again_while_the_database_is_locked[sqlite]",
)
def acknowledge_before_commit() -> Iterator[None]:
    """An event is acknowledged and waits in memory; it is written down together with the next one."""
    take_in, waiting = journal.take_in, list[tuple[dict[str, Any], str]]()

    def later(event: dict[str, Any], raw_body: str) -> bool:
        while waiting:
            take_in(*waiting.pop())
        waiting.append((event, raw_body))
        return True

    with swapped(journal, "take_in", later):
        yield


@mutant(
    "tolerance-one-way",
    rule="stripe.md §6 and scenario 20: a time stamp is refused beyond 300 seconds both ways",
    caught_by="tests/payments/test_webhook.py::test_age_counts_both_ways[sqlite--302-400]",
)
def tolerance_one_way() -> Iterator[None]:
    """As the SDK does it: what is signed in the future is fresh for ever."""

    def only_old(stamp: int, now: float) -> None:
        if now - stamp > signatures.TOLERANCE:
            raise signatures.Refusal("stale-signature")

    with swapped(signatures, "check_age", only_old):
        yield


@mutant(
    "chain-without-the-one-before",
    rule="each link follows from the one before it and from its event",
    caught_by="tests/payments/test_chain.py::test_any_other_journal_leads_elsewhere",
)
def chain_without_the_one_before() -> Iterator[None]:
    """A link is the hash of its event alone, so links can be left out or swapped."""
    with swapped(chain, "follow", lambda _chain, digest: hashlib.sha256(bytes.fromhex(digest)).hexdigest()):
        yield


@mutant(
    "mail-without-its-row",
    rule="safety R8: a mail is a row written with its cause",
    caught_by="tests/kit/test_mail.py::test_a_rolled_back_cause_sends_nothing[sqlite]",
)
def mail_without_its_row() -> Iterator[None]:
    """A mail leaves at once, before what caused it is committed."""
    queue_mail = mail.queue_mail

    def at_once(to: str, subject: str, text: str, html: str | None = None, **named: Any) -> bool:
        fresh = queue_mail(to, subject, text, html, **named)
        if fresh:
            row = mail.db.session.query(OutboxMail).filter_by(key=named["key"]).one()
            current_app.extensions["mail_transport"](mail.message(row))
            row.state = "sent"
        return fresh

    with swapped(mail, "queue_mail", at_once):
        yield


@mutant(
    "mail-told-twice",
    rule="safety R8: one row for each fact, by its key",
    caught_by="tests/payments/test_dunning.py::test_the_last_call_comes_once_shortly_before_the_gate_closes[sqlite]",
)
def mail_told_twice() -> Iterator[None]:
    """A mail's key is made for each time that it is written, so it keeps nothing from being told again."""
    insert = mail.insert_ignoring

    class Anew:
        """The insert, with another key."""

        def __init__(self, model: Any) -> None:
            self.statement = insert(model)

        def values(self, **values: Any) -> Any:
            return self.statement.values(**{**values, "key": f"{values['key']}.{secrets.token_hex(4)}"})

    with swapped(mail, "insert_ignoring", Anew):
        yield
