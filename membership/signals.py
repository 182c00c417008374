"""What other rooms may want to know of a reader; connected in app.py. Handlers run in the sender's transaction and never commit."""

from blinker import Namespace

_signals = Namespace()

# sender: the Account. Its address was proven just now (guest contributions may be claimed).
email_verified = _signals.signal("email-verified")
# sender: the Account. It is being closed (its Subscriptions must be canceled).
account_closed = _signals.signal("account-closed")
