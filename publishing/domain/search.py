"""What somebody searches for, made into words to look up."""

MOST_CHARACTERS = 120
MOST_WORDS = 8


def words(question: str) -> list[str]:
    """Folded words of at least two letters, each once, at most eight; the rest of an over-long question is not read."""
    said = question.replace("\x00", " ")[:MOST_CHARACTERS].casefold().split()
    cleaned = (word.strip("\"'.,;:!?()[]“”‘’«»") for word in said)
    return list(dict.fromkeys(word for word in cleaned if len(word) > 1))[:MOST_WORDS]
