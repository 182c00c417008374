"""Being told: the signature over an event's body, by any of the active secrets."""

from payments.domain import signatures
from payments.gateway.line import Object


def verified(body: bytes, header: str | None, secrets: list[str], now: float) -> Object:
    """The event in a signed body; see signatures.verified. Raises Refusal, never anything else."""
    return signatures.verified(body, header, secrets, now)[0]
