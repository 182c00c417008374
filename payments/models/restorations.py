"""Backups that were put back."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime


class Restoration(Model):
    """A backup that was put back at ``restored_at``. ``compared_at``: when Stripe's list of events was read after it (until
    then nothing is applied); ``told_until``: the time of the newest event in it that we had acknowledged and then lost, None
    if there was none; ``walked_at``: when everything that Stripe has was compared, or its turn had come."""

    __tablename__ = "restoration"

    id: Mapped[int] = mapped_column(primary_key=True)
    restored_at: Mapped[datetime] = mapped_column(UTCDateTime)
    compared_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    told_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    walked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
