"""Idempotency keys: the first answer, good or bad, is the answer for 24 hours."""

import json

from sandbox.errors import StripeError

KEPT = 24 * 3600


def replay(world, key: str, fingerprint: str) -> tuple[int, dict] | None:
    """The recorded (status, body) of a key, None when it is new.

    Raises StripeError (idempotency_error) when the key came with another request.
    """
    row = world.store.get("_idempotency", "idem:" + key)
    if row is None or row["at"] < world.now() - KEPT:
        return None
    if row["fingerprint"] != fingerprint:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request.",
            kind="idempotency_error",
        )
    return row["status"], json.loads(row["body"])


def prune(world) -> None:
    """Forget keys older than a day of the site's clock; they are kept in their order."""
    for row in world.store.all("_idempotency"):
        if row["at"] >= world.now() - KEPT:
            return
        world.store.drop(row)


def remember(world, key: str, fingerprint: str, status: int, body: dict) -> None:
    prune(world)
    world.store.put(
        {
            "object": "_idempotency",
            "id": "idem:" + key,
            "fingerprint": fingerprint,
            "status": status,
            "body": json.dumps(body),
            "at": world.now(),
        }
    )
