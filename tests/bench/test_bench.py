"""The bench's own arithmetic, and that its baseline is what it says."""

import hashlib
import http.client
import itertools
import os
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bench import comparison, flood, wrk
from bench.bare.app import create_app as bare_app
from bench.bare.app import signed_cookie
from bench.servers import tree
from kit import clock
from kit.database import db
from membership import sessions


def a_round(rate: float) -> wrk.Round:
    return wrk.Round(requests=int(rate * 2), seconds=2.0, p50_ms=1, p99_ms=2, worst_ms=3, refused=0, broken=0)


def a_target(*rates: float) -> comparison.Target:
    nobody: Any = None
    return comparison.Target("x", nobody, "/", rounds=[a_round(rate) for rate in rates])


def test_a_ratio_is_the_median_of_the_rounds_and_not_of_the_rates() -> None:
    # The second pair ran while the machine was busy: both sides slower, their ratio as before.
    assert comparison.ratio(a_target(800, 80, 900), a_target(1000, 100, 900)) == pytest.approx(0.8)


def test_what_wrk_says_is_read() -> None:
    line = 'RESULT {"requests": 100, "seconds": 2.0, "p50_ms": 1.5, "p99_ms": 9.0, "worst_ms": 10.0, "refused": 0, "broken": 1}'
    found = wrk.parse(f"Running 2s test\n{line}\n")
    assert (found.rate, found.broken) == (50, 1)
    with pytest.raises(RuntimeError, match="unable to connect"):
        wrk.parse("", "unable to connect to 127.0.0.1")


def test_this_process_is_in_its_own_tree() -> None:
    assert tree(os.getpid())[0] == os.getpid()


@pytest.mark.parametrize("reads", ["core", "orm", "driver"])
def test_the_baseline_reads_what_we_read(
    app: Any, member: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, reads: str
) -> None:
    """A member gets the text, a visitor and an ended session the preview: the same decision, however it reads."""
    make_article("the-weir")
    token = sessions.begin(member())
    db.session.commit()
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    for name, value in {"DATABASE_URL": url, "SECRET_KEY": "k" * 32, "STRIPE_WEBHOOK_SECRET": "whsec_x", "BENCH_READS": reads}.items():
        monkeypatch.setenv(name, value)
    baseline = bare_app()
    request.addfinalizer(baseline.extensions["store"].close)
    bare = baseline.test_client(use_cookies=False)

    def page(cookie: str = "") -> str:
        return bare.get("/articles/the-weir", headers={"Cookie": cookie}).get_data(as_text=True)

    assert "QUARTZMILL" in page(signed_cookie(token))
    assert "QUARTZMILL" not in page()
    row = db.session.get(sessions.LoginSession, hashlib.sha256(token.encode()).hexdigest())
    assert row is not None
    row.expires_at = clock.now() - timedelta(seconds=1)
    db.session.commit()
    assert "QUARTZMILL" not in page(signed_cookie(token))


def test_a_slow_answer_counts_for_all_that_were_due_meanwhile() -> None:
    """No coordinated omission: while one answer takes half a second, twenty others are due, and each has waited."""
    asked = itertools.count()

    class Stalls(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        one_at_a_time = threading.Lock()

        def do_GET(self) -> None:
            with self.one_at_a_time:
                if next(asked) == 10:
                    threading.Event().wait(0.5)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stalls) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page, rounds = flood.Page("a page", {}, "127.0.0.1"), list[list[float]]()
        page.probe(lambda source: http.client.HTTPConnection("127.0.0.1", server.server_port), 1.5, rounds)
        server.shutdown()
        thread.join()
    found = rounds[0]
    assert len(found) == 1.5 * flood.PAGES_A_SECOND
    assert page.broken == 0
    assert sum(took > 100 for took in found) >= 14
    assert flood.centile([*range(1, 101)], 99) == pytest.approx(99, abs=0.1)
