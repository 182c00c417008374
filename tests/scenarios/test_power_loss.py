"""C05: the power goes. On SQLite the web process is watched while it takes webhooks in, and each moment at which the power
might go is played on a disk that forgets. On PostgreSQL the disk is its server's; the doctor says if it is set to forget."""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from kit.database import db
from sandbox.delivery import signature
from tests.conftest import WEBHOOK_SECRET
from tests.crash import parts
from tests.scenarios.disk import STRACE, Disk, writing
from tests.scenarios.rows import event_of, say
from tests.waiting import until

EVENTS, LARGE = 44, 100_000  # so that SQLite moves its WAL into the file once meanwhile: a thousand pages
SEED = 1795348800
ANSWER = re.compile(rb"^HTTP/1\.1 (\d{3}).*\r\nx-request-id: (evt_of_\d+)\r\n", re.DOTALL)


def may_trace() -> bool:
    """Is strace here, and is it allowed to?"""
    return bool(shutil.which("strace")) and subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


def post(url: str, size: int) -> bool:
    """Is an event of this size acknowledged?"""
    body = json.dumps(event_of(size)).encode()
    headers = {"Stripe-Signature": signature(body, WEBHOOK_SECRET, int(time.time())), "X-Request-ID": f"evt_of_{size}"}
    return requests.post(f"{url}/webhooks/stripe", data=body, headers=headers, timeout=20).status_code == 200


def watched(folder: Path, template: Path, events: int, mutant: str = "") -> str:
    """What strace saw of a web process that took in so many events, from its start to its end."""
    shutil.copyfile(template, folder / "site.db")
    port, trace = parts.free_port(), folder.parent / "trace"
    environment = parts.environment(f"sqlite:///{folder / 'site.db'}", "http://127.0.0.1:9", port, mutant)
    module = "tests.crash.broken" if mutant else "app"
    command = [*STRACE, "-o", str(trace), str(parts.BIN / "granian"), "--interface", "wsgi", "--factory", f"{module}:create_app",
               *("--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--blocking-threads", "1", "--no-log")]  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    with (folder.parent / "log").open("wb") as log:
        web = subprocess.Popen(command, cwd=parts.ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            until(answers, seconds=60, what=f"the web process ({folder.parent / 'log'})")
            assert all(post(url, LARGE + number) for number in range(events))
            (granian,) = subprocess.run(["pgrep", "-P", str(web.pid)], capture_output=True, text=True).stdout.split()
            os.kill(int(granian), signal.SIGTERM)
            web.wait(30)
        finally:
            if web.poll() is None:
                os.killpg(web.pid, 9)
                web.wait()
    return trace.read_text()


def wrong_after(files: dict[str, bytes], told: set[str], folder: Path) -> str:
    """What is wrong with these files, if anything: they open, are whole, and have what was acknowledged."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, content in files.items():
        (folder / Path(path).name).write_bytes(content)
    try:
        with closing(sqlite3.connect(folder / "site.db")) as opened:
            opened.execute("pragma synchronous=off")  # the power stays on now
            whole = [row[0] for row in opened.execute("pragma integrity_check")]
            have = {row[0] for row in opened.execute("select event_id from stripe_event")}
    except sqlite3.DatabaseError as error:
        return f"{type(error).__name__}: {error}"
    return "" if whole == ["ok"] and told <= have else f"{whole} without {sorted(told - have)}"


def cuts(trace: str, folder: Path, template: Path) -> tuple[set[str], list[str], int]:
    """(the acknowledged, what is wrong after a cut, how many cuts): at each answer, and at others in between, chosen by a seed."""
    chance = random.Random(SEED)
    disk = Disk(str(folder), {str(folder / "site.db"): template.read_bytes()})
    told: set[str] = set()
    wrong: list[str] = []
    tried = 0
    for act in writing(trace):
        disk.do(act)
        answer = ANSWER.match(act.data) if act.kind == "said" else None
        if answer and answer[1] == b"200":
            told.add(answer[2].decode())
        images = [disk.cut(), disk.cut(chance)] if answer else []
        if act.path.startswith(str(folder)) and chance.random() < 0.02:
            images.append(disk.cut(chance))
        for image in images:
            tried += 1
            if found := wrong_after(image, told, template.with_name("after")):
                wrong.append(f"cut {tried}, {len(told)} told: {found}")
    return told, wrong, tried


@pytest.fixture
def place(databases: Any, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """(a folder for a database, a migrated one to begin with)."""
    if request.config.getoption("--database") == "postgresql":
        pytest.skip("PostgreSQL's files are its server's")
    if not may_trace():
        pytest.skip("strace is not here, or may not trace")
    databases.url("sqlite")
    (folder := tmp_path / "instance").mkdir()
    return folder, databases.folder / "template.db"


@pytest.mark.slow
def test_C05_whenever_the_power_goes_what_was_acknowledged_is_there(place: tuple[Path, Path]) -> None:
    trace = watched(*place, EVENTS)
    told, wrong, tried = cuts(trace, *place)
    assert (len(told), wrong) == (EVENTS, [])
    assert tried > 2 * EVENTS + 30
    into_the_file = [act for act in writing(trace) if act.kind == "write" and act.path == str(place[0] / "site.db")]
    assert len(into_the_file) > 500, "the WAL was never moved into the file: make it longer"


@pytest.mark.slow
def test_C05_a_commit_that_does_not_sync_is_found(place: tuple[Path, Path]) -> None:
    """The control: SQLite's own default for a WAL, synchronous=NORMAL, which keeps the file whole and loses the last commits."""
    told, wrong, _tried = cuts(watched(*place, 3, mutant="commit-without-sync"), *place)
    assert len(told) == 3
    assert any("without ['evt_of_" in one for one in wrong)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------------


def power_cut(app: Flask) -> str:
    """What the doctor says of it, on connections that are new: settings of a database hold from the next one on."""
    db.session.remove()
    db.engine.dispose()
    (line,) = [one for one in app.test_cli_runner().invoke(args=["doctor"]).stdout.splitlines() if " power cut" in one]
    return line


def test_C05_the_doctor_names_a_database_that_commits_without_waiting_for_its_disk(app: Flask) -> None:
    name = db.engine.url.database
    if db.engine.dialect.name == "sqlite":
        assert power_cut(app) == "ok   power cut"
        return
    try:
        say(f'alter database "{name}" set synchronous_commit = on')
        assert power_cut(app) == "ok   power cut"
    finally:
        say(f'alter database "{name}" set synchronous_commit = off')  # the suite's own choice (tests/conftest.py)
    assert power_cut(app).startswith("FAIL power cut: synchronous_commit=off: ")


def test_C05_the_doctor_names_a_server_that_does_not_sync(app: Flask, pretend: Any) -> None:
    """Pretended, for what a server was started with only its administrator changes."""
    set_off = {"fsync": "off", "synchronous_commit": "local", "full_page_writes": "off", "data_checksums": "on"}
    pretend("pg_settings", " union all ".join(f"select '{name}' as name, '{value}' as setting" for name, value in set_off.items()))
    assert power_cut(app).startswith("FAIL power cut: fsync=off, full_page_writes=off: ")
