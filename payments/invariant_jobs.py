"""What must always hold, asked every ten minutes. A violation is told; it moves no money and mends nothing."""

import structlog

from kit.database import db, reading
from kit.jobs import job, schedule
from payments import alarms, invariants

log = structlog.get_logger("payments.invariants")


@job("payments.check_invariants")
def check_invariants() -> None:
    """Look without SQLite's write lock, then tell ADMIN_EMAIL of each that is broken, once a day."""
    with reading():
        broken: dict[str, list[str]] = {}
        for one, said in invariants.check():
            broken.setdefault(one.name, [one.sentence]).append(said)
        db.session.rollback()
    for name, (sentence, *said) in broken.items():
        log.error("invariant broken", invariant=name, violations=said)
        alarms.broken(name, sentence, said)
    db.session.commit()


schedule("payments.check_invariants", "*/10 * * * *")
