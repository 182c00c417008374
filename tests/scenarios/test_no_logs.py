"""C18: nowhere to log."""

import errno
import io
import logging
import sys
from typing import Any

import pytest
from flask import Flask

from payments.models import StripeEvent
from tests.scenarios.rows import count, tell


class Full(io.StringIO):
    """A log's disk without room."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_C18_without_room_for_logs_the_site_goes_on(app: Flask, visit: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slug = make_article().slug
    (handler,) = [one for one in logging.getLogger().handlers if one.get_name() == "wellspring"]
    monkeypatch.setattr(handler, "stream", Full())
    monkeypatch.setattr(sys, "stderr", Full())
    level = logging.getLogger().level
    logging.getLogger().setLevel("INFO")
    try:
        assert visit().get(f"/articles/{slug}").status == 200
        assert app.test_client().post("/webhooks/stripe", data=b"{}", headers={"Stripe-Signature": "t=1,v1=0"}).status_code == 400
        assert tell(app, 10) == 200
    finally:
        logging.getLogger().setLevel(level)
    assert count(StripeEvent) == 1
