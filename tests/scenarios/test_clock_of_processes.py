"""C14, C20 in real processes: the clock of web and worker is set by 400 days while they run, and they are started again with it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from app import create_app
from kit.database import db
from membership import grants, sessions
from sandbox import Sandbox
from sandbox.delivery import signature
from tests import factories
from tests.conftest import WEBHOOK_SECRET, app_settings
from tests.crash import parts
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
BODY = '{"id":"evt_clock%d","object":"event","type":"invoice.paid","livemode":false,"created":%d,"data":{"object":{"id":"in_none","object":"invoice"}}}'


def a_member(url: str) -> str:
    """A reader with a month to read; her browser's cookie."""
    app = create_app(app_settings(url))
    with app.app_context():
        account = factories.make_account()
        grants.grant(account, datetime.now(UTC) + timedelta(days=30), "a month", "desk@reader.example")
        token = sessions.begin(account)
        db.session.commit()
        cookie = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
        db.session.remove()
        db.engine.dispose()
    return cookie


def test_C14_C20_a_clock_that_is_set_by_400_days_shuts_nobody_out_and_stripe_is_heard(tmp_path: Path) -> None:
    clock_file = tmp_path / "days"
    clock_file.write_text("0")
    with parts.database("sqlite", tmp_path) as url, Sandbox(seed=1, webhook_secret=WEBHOOK_SECRET) as stand_in:
        cookie, port, engine = a_member(url), parts.free_port(), sa.create_engine(url)
        environment = parts.environment(url, stand_in.url, port, "clock-of-a-file")
        environment |= {"CLOCK_FILE": str(clock_file), "ADMIN_EMAIL": "admin@localhost"}
        site = f"http://127.0.0.1:{port}"

        def she_reads() -> bool:
            answer = requests.get(f"{site}/api/v1/me", cookies={"session": cookie}, timeout=20)
            return answer.status_code == 200 and answer.json()["membership"]["entitled"]

        def stripe_is_heard(number: int) -> int:
            now = int(time.time())
            body = BODY % (number, now)
            headers = {"Stripe-Signature": signature(body.encode(), WEBHOOK_SECRET, now), "Content-Type": "application/json"}
            return requests.post(f"{site}/webhooks/stripe", data=body.encode(), headers=headers, timeout=20).status_code

        def told() -> bool:
            with engine.connect() as connection:
                return bool(connection.scalar(sa.text("select count(*) from outbox_mail where key like 'clock-jumped:%'")))

        web, worker = parts.web(environment, port, tmp_path), parts.worker(environment, tmp_path)
        try:
            until(lambda: web.up() and worker.up(), seconds=90, what="web and worker")
            assert (she_reads(), stripe_is_heard(1)) == (True, 200)
            clock_file.write_text("400")
            until(told, seconds=120, what="the mail that the clock is not believed")
            assert (she_reads(), stripe_is_heard(2)) == (True, 200)
            before = web.starts
            web.kill()
            until(lambda: web.starts > before and web.up(), seconds=90, what="a web that started with the wrong clock")
            assert (she_reads(), stripe_is_heard(3)) == (True, 200)
            clock_file.write_text("0")
            until(lambda: she_reads() and stripe_is_heard(4) == 200, seconds=30, what="the clock to be right again")
        finally:
            web.stop()
            worker.stop()
            engine.dispose()
