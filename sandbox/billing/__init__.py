"""The rules of billing: cards, charges, invoices, periods, renewals, retries. Knows no HTTP."""
