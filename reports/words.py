"""What the figures are called, and how each is counted: printed beside the number, in CSV heads and in docs alike."""

from flask_babel import lazy_gettext as _

from payments.raised import RULE

# figure -> (name, how it is counted)
FIGURES = {
    "month": (
        _("Month"),
        _("From the local first, 00:00, to the next, in the publication's zone; each boundary turned into UTC by itself."),
    ),
    "opening": (
        _("Opening"),
        _(
            "Paying members at the month's first instant: active, notice given, or past due within grace, with an amount above zero. Persons, not subscriptions. Trials, complimentary, gifts and seats are not among them, nor is who pays nothing because of a discount, for as long as it runs."
        ),
    ),
    "new": (_("New"), _("Paying at the month's end, not at its beginning, and never before.")),
    "reactivated": (_("Came back"), _("Paying at the end, not at the beginning, but at some time before; not out of a pause.")),
    "recovered_late": (_("of them recovered late"), _("Back within 30 days of an end by failed payment.")),
    "resumed": (_("Resumed"), _("Paused at the beginning, paying at the end.")),
    "lost_voluntary": (
        _("Left by their own choice"),
        _("Paying at the beginning, neither paying nor paused at the end; the reader cancelled or had given notice."),
    ),
    "notice_while_past_due": (_("of them gave notice while past due"), _("The act of leaving fell while a payment was failing.")),
    "lost_involuntary": (
        _("Lost to failed payments"),
        _(
            "Ended by an unpaid invoice after grace, a fraud block or a lost dispute, without a word of the reader's. Dated when access ended, not when the card failed."
        ),
    ),
    "lost_administrative": (
        _("Ended by the office"),
        _(
            "Refunded and removed, made complimentary (a free month is that too, and she comes back after it), death, merged or migrated, or a cause that nobody wrote down."
        ),
    ),
    "paused": (_("Paused"), _("Paying at the beginning, paused at the end. A pause without a named end counts as lost after 90 days.")),
    "closing": (_("Closing"), _("Paying members at the month's end (now, in the running month). Counted by itself, not added up.")),
    "net": (_("Net"), _("Closing less opening.")),
    "net_mean": (_("Net, mean of 3 months"), _("This month and the two before; not for the running month.")),
    "net_year_before": (_("Net, same month last year"), _("The whole month, a year before.")),
    "in_and_out": (
        _("Came and went within the month"),
        _("Paying at some time inside the month, at neither end. Adding them to both sides changes no net, so they stand apart."),
    ),
    "paused_closing": (_("Paused at the end"), _("The second stock: paused and not paying by another source.")),
    "paused_on_arrival": (_("Joined and paused"), _("Neither paying nor paused at the beginning, paused at the end.")),
    "lost_from_pause": (
        _("Lost out of a pause"),
        _("Paused at the beginning, neither paying nor paused at the end. Not among the lost above: they had left the members already."),
    ),
    "notice_given": (
        _("Notice given"),
        _("Persons who scheduled their end in this month, each once; annual members fall up to twelve months later."),
    ),
    "churned": (_("Churned"), _("All lost except merged and migrated people.")),
    "churn": (
        _("Churn"),
        _(
            "Churned / opening, with Wilson's 95 % interval. Under 5 persons: the count alone. None of none: a dash. People who came and went within the month are not in it. Members who cannot leave before their year ends are in the denominator."
        ),
    ),
    "churn_low": (_("Churn, low"), _("Lower end of Wilson's 95 % interval.")),
    "churn_high": (_("Churn, high"), _("Upper end of Wilson's 95 % interval.")),
    "currency": (_("Currency"), _("Currencies are never added together.")),
    "mrr_opening": (
        _("MRR, opening"),
        _(
            "Each member's price brought to a month (a year / 12, a week x 52 / 12), at the month's first instant, net of every discount on the running period: one that runs out lowers MRR until it does, and who pays nothing until then is no paying member. Without tax, one-off and monthly contributions, covered fees, trials and pauses; notice given and past due within grace stay in until they end."
        ),
    ),
    "mrr_new": (_("New"), _("MRR at the end of those who are new.")),
    "mrr_reactivation": (_("Came back"), _("MRR at the end of those who came back.")),
    "mrr_resumed": (_("Resumed"), _("MRR at the end of those who resumed.")),
    "mrr_expansion": (_("Expansion"), _("What members at both ends pay more.")),
    "mrr_contraction": (_("Contraction"), _("What members at both ends pay less; a second subscription that ended is here.")),
    "mrr_churn_voluntary": (_("Left by their own choice"), _("MRR at the beginning of those who left.")),
    "mrr_churn_involuntary": (_("Lost to failed payments"), _("MRR at the beginning of those whose payment failed for good.")),
    "mrr_churn_administrative": (_("Ended by the office"), _("MRR at the beginning of those whom the office ended.")),
    "mrr_paused": (_("Paused"), _("MRR at the beginning of those who paused.")),
    "mrr_closing": (_("MRR, closing"), _("At the month's end (now, in the running month). Summed by itself, not added up.")),
    "mrr_change": (_("Change"), _("Closing less opening: the sum of the steps between them.")),
    "committed": (
        _("Committed: MRR without the discounts that end"),
        _(
            "Now. What today's members, and those who pay nothing until a discount ends, will pay a month without the discounts that end; lasting ones stay off. Who has given notice counts with what she pays now. The bridge is of current MRR, net of all of them. The persons are those whose amount will rise."
        ),
    ),
    "past_due": (
        _("Past due, still reading within grace"),
        _("Now. Persons with a payment that failed, and their MRR. They are members, and in MRR, until their grace ends."),
    ),
    "under_notice": (
        _("Under notice: members, and MRR, until they end"),
        _("Now. Persons who have scheduled their end, and their MRR. They are members, and in MRR, until it comes."),
    ),
    "trial": (_("Trying"), _("A trial, or the days of grace after one whose first payment failed. Nothing was paid yet.")),
    "comp": (_("Complimentary"), _("Free by the office, or by a discount of all of the price for as long as it runs.")),
    "gift": (_("Reading by a gift"), _("Somebody else paid, once, for a fixed time.")),
    "seat": (_("With a seat of a group"), _("Readers with access. The group's payer is the paying member.")),
    "giving": (
        _("Recurring giving a month"),
        _(
            "Monthly contributions that ran at the month's end (now, in the running month), past due ones among them. Never in MRR and never added to it."
        ),
    ),
    "fees_covered": (
        _("Fees covered on top of it"),
        _("What monthly givers add for the processor's fee. It is no price: in no MRR and not in recurring giving."),
    ),
    "gross": (
        _("Charged"),
        _(
            "All payments of the month, subscriptions and contributions, each on the day of its balance transaction at Stripe (for a bank debit, when it cleared), or of its charge if that was not known when it was booked. Its fee has the same day."
        ),
    ),
    "refunds": (_("Refunds"), _("In the month refunded, less refunds that failed.")),
    "disputes": (_("Disputes"), _("Taken back by banks, less what was won back.")),
    "fees": (_("Fees"), _("The processor's, as far as they are known by now.")),
    "cash_net": (_("Net cash"), _("Charged less refunds, disputes and fees. Cash is not MRR: an annual payment is here at once.")),
    "payments": (_("Payments"), _("Contributions that were charged: one-off ones and each renewal of a monthly one.")),
    "raised": (_("Raised"), RULE),
    "goal": (_("Goal"), _("As the newsroom set it for this month.")),
    "difference": (_("Identity"), _("What closing = opening + flows misses by; 0 when it holds. Stocks and flows are counted separately.")),
    "people": (_("People"), _("Persons, each once.")),
    "mrr": (_("MRR"), _("Monthly amount, rounded to the minor unit.")),
    "falls": (_("Falls in"), _("The month in which access ends.")),
}

CAUSES = {
    "reader": _("cancelled"),
    "payment": _("payment failed"),
    "fraud": _("blocked as fraud"),
    "dispute": _("lost dispute"),
    "staff": _("removed by staff"),
    "merge": _("merged with another account"),
    "migration": _("migrated"),
    "death": _("died"),
    "comp": _("made complimentary"),
    "duplicate": _("duplicate ended"),
    "unknown": _("cause not written down"),
    "withdrawn": _("notice taken back"),
}

LISTS = {
    "notice_given": _("Gave notice"),
    "past_due": _("Past due now"),
    "under_notice": _("Under notice now"),
    "recovered_late": _("Recovered late"),
    "notice_while_past_due": _("Gave notice while past due"),
}


def name(figure: str) -> str:
    """What a figure, or a list of people, is called."""
    return str(LISTS.get(figure) or FIGURES[figure][0])


def cause(code: str | None) -> str:
    """Why it ended, in words."""
    return str(CAUSES.get(code or "", code or ""))
