"""kill -9 of web and worker under live webhook traffic: nothing acknowledged is lost, nothing is applied twice.

Real processes on a real database, started again as a service manager would; Stripe's stand-in makes real customers,
Subscriptions, charges and refunds and delivers, twice and out of order, until it is answered 2xx. The oracle reads the
database in plain SQL and compares it with Stripe's stand-in. `python -m tests.crash` runs it by hand, as long as you like;
``--broken`` runs an application with a fault of the kind that this must find.
"""
