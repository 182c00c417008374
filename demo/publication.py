"""Who the demo publication is: its name, its place, its desk, and the accounts `make run` prints.

Everything and everybody here is invented.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME = "The Ferry Bell"
TAGLINE = "Independent news from Tarrow Ferry and the Ansel valley"
TOWN = "Tarrow Ferry"
RIVER = "Ansel"
COUNTY = "Wendle County"


@dataclass(frozen=True)
class DemoAccount:
    """One account somebody trying the demo can sign in with; all share DEMO_PASSWORD."""

    email: str
    name: str
    what: str
    staff_role: str | None = None


DEMO_PASSWORD = "ring-the-bell-twice"  # noqa: S105 - printed on purpose

DEMO_ACCOUNTS: tuple[DemoAccount, ...] = (
    DemoAccount("owner@ferrybell.example", "Ines Calloway", "staff, owner: sees and may do everything", "owner"),
    DemoAccount("editor@ferrybell.example", "Dov Harkness", "staff, editor: articles, newsletter, reports", "editor"),
    DemoAccount("finance@ferrybell.example", "Marit Osei", "staff, finance: ledger, contributions, reports", "finance"),
    DemoAccount("support@ferrybell.example", "Leo Vantongeren", "staff, support: members and their accounts", "support"),
    DemoAccount("monthly@reader.example", "Nora Whitlock", "an active monthly member"),
    DemoAccount("yearly@reader.example", "Samir Oduya", "a yearly member who has given notice"),
    DemoAccount("pastdue@reader.example", "Petra Lindgaard", "a member whose card was declined (past due)"),
    DemoAccount("lapsed@reader.example", "Caleb Thornquist", "a former member"),
    DemoAccount("reader@reader.example", "Wren Abernathy", "a reader without a membership"),
    DemoAccount("contributor@reader.example", "Ottoline Brandt", "gives, without subscribing"),
)
