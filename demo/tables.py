"""Records to rows: how a simulated world looks in the real tables. Pure, but for the tables' own names."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from demo.records import Billing, Entry, Given, Person, Source, World
from membership.domain import emails, standing
from membership.domain.grace import Grace
from membership.domain.standing import Snapshot
from publishing.domain import newsletter

Row = dict[str, Any]
SNAPSHOT_FIELDS = tuple(Snapshot.__dataclass_fields__)


class Rows:
    """Rows of one world. ``first_account`` and ``first_contribution`` are the ids that number 0 and number 1 get."""

    def __init__(self, world: World, *, first_account: int, first_contribution: int, grace: Grace | timedelta) -> None:
        self.world, self.grace = world, grace
        self.first_account, self.first_contribution = first_account, first_contribution

    def account_id(self, person: int | None) -> int | None:
        return None if person is None else self.first_account + person

    def accounts(self, password_of: dict[str, str]) -> Iterator[Row]:
        """Simulated readers have no password: they could only come in by a link to an address that nobody owns."""
        for person in self.world.people:
            yield {
                "id": self.account_id(person.number),
                "email": person.email,
                "email_key": emails.key(person.email),
                "name": person.name,
                "password": password_of.get(person.email),
                "active": True,
                "confirmed_at": person.created_at,
                "created_at": person.created_at,
            }

    def customers(self) -> Iterator[Row]:
        """Everybody who ever paid, guests too."""
        paid = {entry.customer_id for entry in self.world.entries} | {row.customer_id for row in self.world.contributions}
        paid |= {source.billing.customer_id for source in self.world.sources if source.billing}
        for person in self.world.people:
            if person.customer_id in paid:
                yield self._customer(person.customer_id, person, person.email, person.created_at)
                paid.discard(person.customer_id)
        for row in self.world.contributions:
            if row.customer_id in paid:
                yield self._customer(row.customer_id, None, row.email, row.created_at)
                paid.discard(row.customer_id)

    def _customer(self, id_: str, person: Person | None, email: str, at: datetime) -> Row:
        return {
            "id": id_,
            "account_id": self.account_id(person.number) if person else None,
            "email_key": emails.key(email),
            "deleted": False,
            "created_at": at,
        }

    def subscriptions(self) -> Iterator[Row]:
        billings: Iterable[Billing] = [source.billing for source in self.world.sources if source.billing]
        for billing in [*billings, *self.world.contribution_billings]:
            row = asdict(billing)
            del row["feedback"]
            yield row | {"interval_count": 1, "price_id": None, "fetched_at": self.world.now}

    def sources(self) -> Iterator[Row]:
        for source in self.world.sources:
            yield {name: getattr(source.snapshot, name) for name in SNAPSHOT_FIELDS} | {"account_id": self.account_id(source.person)}

    def intervals(self) -> Iterator[Row]:
        for source in self.world.sources:
            shared = {
                "account_id": self.account_id(source.person),
                "source_kind": source.snapshot.kind,
                "source_id": source.snapshot.source_id,
            }
            for stretch in source.stretches:
                yield shared | asdict(stretch)

    def memberships(self) -> Iterator[Row]:
        """What the gate reads, derived by the same rules as membership.memberships.derive (a test holds the two together)."""
        by_person: dict[int, list[Source]] = {}
        for source in self.world.sources:
            by_person.setdefault(source.person, []).append(source)
        for person, sources in by_person.items():
            yield self._membership(person, [source.snapshot for source in sources])

    def _membership(self, person: int, snapshots: list[Snapshot]) -> Row:
        now = self.world.now
        found = standing.derive(snapshots, self.grace)
        opened, lead = standing.is_entitled(found, now), standing.leading(found, now)
        until = standing.access_until(found, now) if opened else None
        return {
            "account_id": self.account_id(person),
            "access_from": min(w.start for w in found.windows if w.start <= now < w.end) if opened else None,
            "access_until": until,
            "paid_until": lead.paid_until if lead else None,
            "ends_at": until if standing.is_ending(found, now) else None,
            "plan_key": lead.plan_key if lead else None,
            "source": lead.kind if lead else None,
            "renew_at": None,
            "updated_at": now,
        }

    def grants(self) -> Iterator[Row]:
        for source in self.world.sources:
            snapshot = source.snapshot
            if snapshot.kind == "grant":
                yield {
                    "id": int(snapshot.source_id.removeprefix("grant_")),
                    "account_id": self.account_id(source.person),
                    "starts_at": snapshot.started_at,
                    "until": snapshot.ends_at,
                    "note": "Reads for free: wrote to us.",
                    "granted_by": "support@ferrybell.example",
                    "created_at": snapshot.started_at,
                }

    def newsletter(self, first: int) -> Iterator[tuple[Row, list[Row]]]:
        """Subscriptions with their records of consent: asked, and confirmed some minutes later."""
        readers = [person for person in self.world.people if person.newsletter]
        for number, person in enumerate(readers, first):
            key, at = emails.key(person.email), person.created_at
            confirmed = min(at + timedelta(minutes=9), self.world.now)
            subscription = {
                "id": number,
                "email": person.email,
                "email_key": key,
                "mailbox_key": newsletter.mailbox(key),
                "handle": secrets.token_urlsafe(16),
                "state": "confirmed",
                "created_at": at,
                "changed_at": confirmed,
            }
            consent = {"subscription_id": number, "wording": newsletter.CONSENT_WORDING, "how": "demo"}
            yield subscription, [consent | {"event": "asked", "at": at}, consent | {"event": "confirmed", "at": confirmed}]

    def contributions(self) -> Iterator[Row]:
        for given in self.world.contributions:
            yield self._contribution(given)

    def _contribution(self, given: Given) -> Row:
        row = asdict(given)
        number, person = row.pop("number"), row.pop("person")
        return row | {
            "id": self.first_contribution + number - 1,
            "public_id": f"demo{number:028x}",
            "account_id": self.account_id(person),
            "email_key": emails.key(given.email),
            "payment_intent_id": f"pi_demo_{number:06d}" if given.frequency == "once" else None,
        }

    def entries(self) -> Iterator[Row]:
        """In order of time, so that the ledger's own numbers are."""
        for entry in sorted(self.world.entries, key=_in_time):
            row = {name: getattr(entry, name) for name in Entry.__slots__}
            person, contribution = row.pop("person"), row.pop("contribution")
            yield row | {
                "stripe_account": "",
                "account_id": self.account_id(person),
                "note": "",
                "contribution_id": None if contribution is None else self.first_contribution + contribution - 1,
            }


def _in_time(entry: Entry) -> tuple[datetime, str]:
    return entry.occurred_at, entry.source_id
