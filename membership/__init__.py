"""Who the reader is and where she stands: accounts, standing, entitlement, the paywall's decision.

Law of this room: it stands on kit alone and knows neither Stripe nor articles. Whatever lets somebody read (a paid
Subscription, a grant, a gift, a group seat) reaches it as a Snapshot; what it decides, it derives from the set of them.
"""
