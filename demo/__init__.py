"""The demo publication: an invented newsroom with prose, photos, an archive and years of readers.

This room stands on all others and nothing stands on it: only app.py registers its command. `simulation` is pure
(seeded, no clock, no database) and decides what happened; `load` writes it into the real tables.
"""
