"""Prices and Products: what is on sale, and for how much, was changed at Stripe."""

from payments import plans
from payments.webhooks.handler import Handler

# All our plans at once: which of them a changed Product concerns is not worth finding out. So looks that different
# Prices lead to must not overlap either: the older one would be written last.
_follow = Handler(lambda _object_id: plans.look_again(), lambda seen: plans.write(*seen), lease=plans.LEASE)

HANDLERS = {f"{what}.{done}": _follow for what in ("price", "product") for done in ("created", "updated", "deleted")}
