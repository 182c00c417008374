"""Which tables are ours alone, which follow from the journal and from Stripe, and which nobody's standing depends on.

`flask journal rebuild` copies the first, derives the second and leaves out the third. A test holds that every table is
named here once; who adds one must say which kind it is.
"""

# Ours alone: copied. Columns that follow from Stripe are copied as they were before Stripe said anything.
PROMISED = {
    "status": "pending",
    "refunded": 0,
    "paid_at": None,
    "customer_id": None,
    "subscription_id": None,
    "payment_intent_id": None,
}
PAID_GIFT = {"charge_id": None, "voided_at": None, "void_cause": None}
OURS: dict[str, dict[str, object]] = {
    "account": {},
    "plan": {},
    "grace_term": {},
    "checkout_intent": {},
    "contribution": PROMISED,
    "refund_intent": {},
    "outgoing_call": {},
    "charge_decision": {},
    "cancellation": {},
    "grant_of_access": {},
    "gift": {name: value for name, value in PROMISED.items() if name != "subscription_id"} | PAID_GIFT,
    "reader_group": {},
    "seat": {},
    "stripe_event": {"attempts": 0, "applied_at": None, "last_error": None},
    "journal_link": {},
}

# Derived from the journal and Stripe. Of the sources and their history only those of Subscriptions: grants, gifts and
# seats are ours, and their rows are copied as they are.
DERIVED = (
    "stripe_customer",
    "stripe_subscription",
    "stripe_dispute",
    "charge_risk",
    "ledger_entry",
    "receipt",
    "membership",
    "membership_source",
    "membership_interval",
)
OURS_IN_DERIVED = {"membership_source": "kind", "membership_interval": "source_kind"}

# Nobody's standing and no cent depends on these.
NOT_NEEDED = (
    "account_token",
    "article",
    "article_body",
    "login_session",
    "meter_read",
    "newsletter_consent",
    "newsletter_delivery",
    "newsletter_edition",
    "newsletter_issue",
    "newsletter_settings",
    "newsletter_subscription",
    "outbox_mail",
    "rate_count",
    "timekeeping",
    "reconcile_run",
    "reports_close",
    "reports_goal",
    "restoration",
    "stripe_lease",
    "topic",
)
