"""The official Stripe CLI's own scenarios, where its binary is to be had."""

import pytest

from sandbox import check

CLI = check.find_cli()

# A handful here, for speed; `make sandbox-check` runs every trigger that touches the surface.
TRIGGERS = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "charge.dispute.closed",
    "charge.refunded",
    "customer.subscription.updated",
    "invoice.payment_action_required",
    "payment_intent.payment_failed",
    "subscription_schedule.released",
]


@pytest.mark.skipif(CLI is None, reason="no Stripe CLI: set STRIPE_CLI or npm install @stripe/cli")
@pytest.mark.parametrize("event", TRIGGERS)
def test_the_stripe_clis_trigger(sandbox, event, tmp_path):
    assert CLI is not None
    assert check.attempt(sandbox, CLI, event, str(tmp_path)) is None


def test_what_is_outside_has_a_reason():
    assert check.outside("issuing_card.created") == "Issuing: making cards"
    assert check.outside("invoice.paid") is None


@pytest.mark.parametrize(
    ("passed", "failed", "everything", "code"),
    [(91, 0, True, 0), (90, 0, True, 0), (89, 0, True, 1), (0, 0, True, 1), (91, 1, True, 1), (1, 0, False, 0), (0, 1, False, 1)],
)
def test_too_few_that_pass_are_as_bad_as_one_that_fails(passed, failed, everything, code, capsys):
    assert check.code(passed, failed, everything=everything) == code
    assert ("90 have to" in capsys.readouterr().err) == (everything and passed < 90)
