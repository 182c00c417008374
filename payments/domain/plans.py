"""What is on sale until the publisher says otherwise, and which plan a Stripe Price is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kit.problems import Problem, Refused, mark


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """A plan by its ``key`` (its lookup key at Stripe). ``unit_amount`` in minor units each ``interval`` (month, year)."""

    key: str
    level: str
    name: str
    description: str
    interval: str
    unit_amount: int


def defaults(_: Callable[[str], str] = str) -> tuple[PlanTerms, ...]:
    """Two levels, each by the month and by the year (ten months' price). ``_`` translates the names."""
    reader, supporter = _("Every article, the members' newsletter, no advertising."), _("Everything, and the newsroom's lasting thanks.")
    return (
        PlanTerms("reader-monthly", "reader", _("Reader, monthly"), reader, "month", 500),
        PlanTerms("reader-yearly", "reader", _("Reader, yearly"), reader, "year", 5000),
        PlanTerms("supporter-monthly", "supporter", _("Supporter, monthly"), supporter, "month", 1200),
        PlanTerms("supporter-yearly", "supporter", _("Supporter, yearly"), supporter, "year", 12000),
    )


LONGEST_TRIAL = 90  # days; Stripe takes 730
TRIAL_DAYS = mark("Enter a whole number of days from 0 to %(most)s.")


def trial_days(typed: str) -> int:
    """Days of a trial as staff typed them: 0 (or nothing) to LONGEST_TRIAL. Raises Refused (``trial_days``)."""
    words = typed.strip() or "0"
    if not (words.isascii() and words.isdigit() and len(words) <= 3 and int(words) <= LONGEST_TRIAL):
        raise Refused({"trial_days": Problem(TRIAL_DAYS, (("most", LONGEST_TRIAL),))})
    return int(words)


@dataclass(frozen=True, slots=True)
class Offered:
    """What we know of a plan for recognising it: its key, interval, and the Product and Price at Stripe (or None)."""

    key: str
    interval: str
    product_id: str | None
    price_id: str | None


def plan_of(price: dict[str, Any], offered: Iterable[Offered]) -> str | None:
    """The key of the plan that this Price sells, or None: then it lets nobody read.

    A Price that was replaced keeps selling what it sold: it is known by its metadata, and by Product and interval.
    """
    plans = list(offered)
    keys = {plan.key for plan in plans}
    for plan in plans:
        if plan.price_id == price["id"]:
            return plan.key
    for named in (price.get("lookup_key"), (price.get("metadata") or {}).get("plan")):
        if named in keys:
            return named
    product, interval = _id(price.get("product")), (price.get("recurring") or {}).get("interval")
    return next((plan.key for plan in plans if plan.product_id and (plan.product_id, plan.interval) == (product, interval)), None)


def _id(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value
