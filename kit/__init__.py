"""Tools that know no reader, no article and no price.

Law of this room: it imports nothing of the other rooms. What it offers, everybody may use; what it
would need to know about a reader, an article or a price is handed to it as a value.
"""
