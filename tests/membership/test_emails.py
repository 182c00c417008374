"""When two spellings are one person, and when they only look like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain import emails

SAME = [
    ("ann@reader.example", "ANN@READER.EXAMPLE"),
    ("Ann@Reader.example", "ann@reader.example"),
    (" ann@reader.example ", "ann@reader.example"),
    ("ann@bücher.example", "ann@xn--bcher-kva.example"),
    ("ann@BÜCHER.example", "ann@bücher.example"),
]
DIFFERENT = [
    ("ann@reader.example", "ann+news@reader.example"),
    ("ann.lee@reader.example", "annlee@reader.example"),
    ("mike@github.example", "mike@gıthub.example"),  # a dotless i, whose upper case is I
    ("admin@reader.example", "admin@reader.example.org"),
    ("ann@reader.example", "ann@reader-example.org"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_person(one: str, other: str) -> None:
    assert emails.key(one) == emails.key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_people(one: str, other: str) -> None:
    """A17: nobody is merged with a stranger."""
    assert emails.key(one) != emails.key(other)


@pytest.mark.parametrize(
    "typed",
    ["", "ann", "ann@", "@reader.example", "ann@localhost@x.example", "ann lee@reader.example", "ann@reader..example", "ann@-reader.example",
     "ann\n@reader.example", "ann@reader.example\nBcc: x@y.example", "ann@[127.0.0.1]", "änn@reader.example", "a" * 65 + "@reader.example",
     "ann@" + "a" * 250 + ".example", "ann@reader.example\x00", "mailto:ann@reader.example", "Ann <ann@reader.example>"],
)  # fmt: skip
def test_no_address(typed: str) -> None:
    with pytest.raises(emails.NotAnAddress):
        emails.parse(typed)


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,20}[A-Za-z0-9]@[a-z]{1,10}\.example", fullmatch=True))
def test_the_key_is_a_fixed_point_and_blind_to_case(typed: str) -> None:
    try:
        found = emails.key(typed)
    except emails.NotAnAddress:
        return
    assert emails.key(found) == found
    assert emails.key(typed.upper()) == found


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_is_refused_by_name(typed: str) -> None:
    try:
        stored, key = emails.parse(typed)
    except emails.NotAnAddress:
        return
    assert not set("\r\n\x00") & set(stored + key)
    assert key.isascii()
