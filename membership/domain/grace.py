"""Grace: how long access is kept past what is paid, when the number of days was changed on the way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST = 60  # days


@dataclass(frozen=True, slots=True)
class Grace:
    """``first`` counted until the first of ``changes``: (since when, how long), oldest first."""

    first: timedelta
    changes: tuple[tuple[datetime, timedelta], ...] = ()

    @property
    def current(self) -> timedelta:
        return self.changes[-1][1] if self.changes else self.first

    def ends(self, paid_until: datetime) -> datetime:
        """When the gate closes for somebody who has paid until then: the first instant at which it is shut.

        A longer grace helps everybody whom it still reaches. A shorter one never shuts anybody out for a time that has
        passed: who was reading by the old number reads until the instant of the change. So what follows from the history
        of the changes is what truly was, and deriving it again later gives the same.
        """
        end = paid_until + self.first
        for since, length in self.changes:
            by_this = paid_until + length
            if by_this > since:
                end = by_this
            elif end > since:
                end = since
        return end


def ends(paid_until: datetime, grace: Grace | timedelta) -> datetime:
    """``grace.ends``; a plain length is a grace that never changed."""
    return paid_until + grace if isinstance(grace, timedelta) else grace.ends(paid_until)
