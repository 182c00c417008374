"""A slow oracle for the flow and the bridge, written from docs/reports.md and sharing no code with the reports.

It asks every question of the raw rows, person by person and month by month, and works with
sets of people where the reports classify one person at a time.
"""

from collections import Counter
from datetime import timedelta

MEMBER_STATES = ("active", "ending", "past_due")


def _in_force(rows, at):
    return [r for r in rows if r.effective_at <= at and (r.until is None or r.until > at)]


def _money(rows, at):
    total = Counter()
    for r in _in_force(rows, at):
        if r.klass == "paying" and r.state in MEMBER_STATES:
            total[r.currency] += r.mrr_720
    return +total


def _pause_in_force(rows, at):
    for r in _in_force(rows, at):
        if r.klass == "paying" and r.state == "paused":
            planned = r.until is not None and r.until_recorded_at is not None and r.until_recorded_at < r.until
            if planned or at - r.effective_at < timedelta(days=90):
                return True
    return False


def members(people, at):
    """P(at)."""
    return {who for who, rows in people.items() if _money(rows, at)}


def paused(people, at):
    """Z(at)."""
    return {who for who, rows in people.items() if _pause_in_force(rows, at)} - members(people, at)


def mrr(people, at):
    """Currency -> MRR at the instant, in 1/720 minor units."""
    return sum((_money(rows, at) for rows in people.values()), Counter())


def _instants(rows):
    return {r.effective_at for r in rows} | {r.until for r in rows if r.until}


def ever_paid_before(people, a):
    return {who for who, rows in people.items() if any(_money(rows, t) for t in _instants(rows) if t < a)}


def paid_inside(people, a, b):
    return {who for who, rows in people.items() if any(_money(rows, t) for t in _instants(rows) if a < t < b)}


def kinds(people, a, b):
    """Kind -> set of people, for the month between a and b; lost is not split."""
    pa, pb, za, zb = members(people, a), members(people, b), paused(people, a), paused(people, b)
    everybody = set(people)
    return {
        "new": (pb - pa - za) - ever_paid_before(people, a),
        "reactivated": (pb - pa - za) & ever_paid_before(people, a),
        "resumed": pb & za,
        "lost": pa - pb - zb,
        "paused": pa & zb,
        "in_and_out": paid_inside(people, a, b) - pa - pb,
        "paused_on_arrival": zb & (everybody - pa - za),
        "lost_from_pause": za - pb - zb,
    }


def bridge(people, a, b):
    """(step, currency) -> 1/720 minor units; churn is not split."""
    steps = Counter()
    found = kinds(people, a, b)
    names = {"new": "new", "reactivated": "reactivation", "resumed": "resumed", "lost": "churn", "paused": "paused"}
    for kind, step in names.items():
        for who in found[kind]:
            for currency, amount in _money(people[who], b).items():
                steps[step, currency] += amount
            for currency, amount in _money(people[who], a).items():
                steps[step, currency] -= amount
    for who in members(people, a) & members(people, b):
        m_a, m_b = _money(people[who], a), _money(people[who], b)
        for currency in set(m_a) | set(m_b):
            delta = m_b[currency] - m_a[currency]
            steps["expansion" if delta > 0 else "contraction", currency] += delta
    return {key: amount for key, amount in steps.items() if amount}
