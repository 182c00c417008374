"""How fast the hot paths are, as ratios to a bare Flask application that does the same reads and the same write.

`make bench` (``python -m bench``) stages a database of its own, starts the servers on loopback, loads them with wrk in
interleaved rounds and prints medians. Rates of two runs must not be compared, ratios may: docs/performance.md.
"""
