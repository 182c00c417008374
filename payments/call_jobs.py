"""Work on outgoing calls by the clock: find out what nobody answered, close wishes that were left, forget what is long known."""

import structlog

from kit.database import db
from kit.jobs import job, schedule
from payments import calls, gateway, resolutions
from payments.leases import LeaseBusy, LeaseLost

log = structlog.get_logger("payments.call_jobs")
AWAY = 3  # so many calls in a row without an answer: Stripe is away, and the rest waits for the next time


@job("payments.resolve_calls", attempts=1)
def resolve_calls() -> None:
    """Every two minutes: each call that nobody answered, then each wish that was left."""
    away = 0
    for call_id in calls.due(resolutions.PAUSE):
        try:
            resolutions.resolve(call_id)
            away = 0
        except gateway.GatewayUnavailable:
            db.session.rollback()
            away += 1
            if away == AWAY:
                log.warning("stripe is away, calls stay unknown")
                return
        except (LeaseBusy, LeaseLost):
            db.session.rollback()  # it is known what became of it; who holds the lease writes it, or the next look does
        except Exception:
            db.session.rollback()
            log.exception("call not resolved", call=call_id)  # one that cannot be followed must not hold up the others
        db.session.commit()
    _close_wishes()
    db.session.commit()


def _close_wishes() -> None:
    try:
        for _step in resolutions.close_wishes():
            db.session.commit()
    except gateway.GatewayUnavailable:
        db.session.rollback()


@job("payments.sweep_calls")
def sweep_calls() -> None:
    """Once a night: what is known for 90 days is forgotten."""
    calls.sweep()
    db.session.commit()


schedule("payments.resolve_calls", "*/2 * * * *", at_start=True)
schedule("payments.sweep_calls", "41 3 * * *")
