"""Pure arithmetic over intervals: no Flask, no database, no clock. Instants are aware UTC datetimes.

The queries hand in plain tuples; nothing here knows where they came from, so every rule can be
asked without a fixture, and each is checked against a slow oracle that shares none of its code.
"""
