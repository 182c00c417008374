"""Pure rules of money: no Flask, no database, no Stripe, no clock."""
