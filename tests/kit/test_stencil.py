"""One message with gaps for many readers: what arrives is exactly what was meant."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.stencil import Stencil, gap

TOKEN = "a-Z_9." * 11


def make(text: str, html: str = "<p>x</p>") -> Stencil:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "The Ferry Bell <n@x.example>", "Grüße, = and ‘quotes’"
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    return Stencil(mail, {"To": gap("to"), "List-Unsubscribe": f"<https://x.example/u/{gap('token')}>"}, ("token",))


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00"), max_size=300),
    st.integers(0, 300),
)
def test_text_arrives_as_written_wherever_the_gap_stands(text: str, place: int) -> None:
    written = f"{text[:place]}{gap('token')}{text[place:]}\n"
    wire = make(written, f"<p>{gap('token')}</p><a href='{gap('token')}'>é</a>\n").fill({"to": "ann@x.example", "token": TOKEN})
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998
    mail = message_from_bytes(wire, policy=policy.default)
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == written.replace(gap("token"), TOKEN)
    assert mail.get_body(("html",)).get_content().count(TOKEN) == 2
    assert mail["To"] == "ann@x.example"
    assert mail["List-Unsubscribe"] == f"<https://x.example/u/{TOKEN}>"


@pytest.mark.parametrize("value", ["", "a b", "a\r\nBcc: x@y.example", "a\n", "é", "x" * 400, "a\x85b"])
def test_no_value_breaks_a_header(value: str) -> None:
    with pytest.raises(ValueError):
        make("hello").fill({"to": value, "token": TOKEN})


def test_a_value_in_the_body_is_a_plain_word() -> None:
    with pytest.raises(ValueError):
        make(f"{gap('token')}\n").fill({"to": "a@x.example", "token": "a=b"})
