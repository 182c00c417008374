"""Static files may be kept for a year because their address changes with their content."""

from typing import Any

from flask import Flask, url_for

from kit import static
from kit.settings import ROOT


def test_an_address_carries_its_contents_fingerprint(app: Flask) -> None:
    with app.test_request_context():
        address = url_for("static", filename="css/site.css")
    assert address == f"/static/css/site.css?v={static.fingerprint(ROOT / 'static/css/site.css')}"


def test_it_is_served_and_may_be_kept(client: Any) -> None:
    answer = client.get("/static/css/site.css")
    assert answer.status_code == 200
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    answer.close()


def test_other_content_has_another_fingerprint(tmp_path: Any) -> None:
    one, two = tmp_path / "one.css", tmp_path / "two.css"
    one.write_text("a {}")
    two.write_text("b {}")
    assert static.fingerprint(one) != static.fingerprint(two)
    assert static.fingerprint(tmp_path / "none.css") == ""
