"""What the command line does with people."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from kit import clock
from kit.database import db
from membership import accounts
from membership.models import Account, Grant


def run(app: Flask, *arguments: str) -> Any:
    db.session.rollback()
    done = app.test_cli_runner().invoke(args=list(arguments))
    db.session.rollback()
    return done


def test_the_first_owner_comes_in_by_a_link_that_works_once(app: Flask, visit: Any) -> None:
    done = run(app, "staff", "create", "olga@desk.example", "--role", "owner", "--json")
    assert done.exit_code == 0, done.output
    path = json.loads(done.stdout)["sign_in"].removeprefix("http://localhost")
    browser, late = visit(), visit()
    late.get(path)
    browser.get(path)
    assert browser.submit("/account/link/").location == "/admin/"
    assert browser.get("/admin/").status == 200
    assert late.submit("/account/link/").status == 410


def test_making_a_reader_staff_signs_her_out(app: Flask, visit: Any, make_account: Any) -> None:
    browser = visit(make_account("ann@reader.example"))
    assert run(app, "staff", "create", "ANN@reader.example", "--role", "editor").exit_code == 0
    assert browser.get("/account/").status == 303
    assert db.session.query(Account).one().role == "editor"


def test_wrong_usage_is_2_and_changes_nothing(app: Flask) -> None:
    for arguments in (
        ("staff", "create", "olga@desk.example"),
        ("staff", "create", "olga@desk.example", "--role", "king"),
        ("staff", "create", "olga", "--role", "owner"),
        ("members", "grant", "ann@reader.example", "--until", "soon", "--note", "x"),
        ("members", "grant", "ann@reader.example", "--until", "2020-01-01", "--note", "x"),
        ("members", "grant", "ann@reader.example", "--until", "2999-01-01", "--note", " "),
        ("members", "grant", "ann@reader.example", "--until", "9999-12-31", "--note", "x"),
    ):
        assert run(app, *arguments).exit_code == 2, arguments
    assert db.session.query(Account).count() == 0


def test_show_grant_and_show(app: Flask) -> None:
    assert run(app, "members", "show", "ann@reader.example").exit_code == 1
    until = (clock.now() + timedelta(days=40)).date().isoformat()
    assert run(app, "members", "grant", "ann@reader.example", "--until", until, "--note", "the printer").exit_code == 0
    shown = json.loads(run(app, "members", "show", "ann@reader.example", "--json").stdout)
    assert (shown["membership"]["status"], shown["membership"]["source"]) == ("active", "grant")
    assert "You read until" in run(app, "members", "show", "ann@reader.example").stdout


def test_import_again_changes_nothing_and_a_dry_run_never(app: Flask, tmp_path: Path) -> None:
    until = (clock.now() + timedelta(days=40)).date().isoformat()
    file = tmp_path / "people.csv"
    file.write_text(f"email,name,until\nann@reader.example,Ann,{until}\nbob@reader.example,Bob,\n", encoding="utf-8")
    dry = run(app, "members", "import", str(file), "--dry-run", "--json")
    assert json.loads(dry.stdout) == {"new": 2, "updated": 0, "unchanged": 0, "refused": [], "dry_run": True}
    assert db.session.query(Account).count() == 0
    assert json.loads(run(app, "members", "import", str(file), "--json").stdout)["new"] == 2
    assert json.loads(run(app, "members", "import", str(file), "--json").stdout)["unchanged"] == 2
    assert db.session.query(Grant).count() == 1


def test_import_takes_the_good_lines_and_names_the_bad_ones(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    lines = "email,until\nann@reader.example,\nnobody,\nbob@reader.example,soon\neve@reader.example,9999-12-31\n"
    file.write_text(lines, encoding="utf-8")
    done = run(app, "members", "import", str(file), "--json")
    assert done.exit_code == 1
    refused = json.loads(done.stdout)["refused"]
    assert [line["line"] for line in refused] == [3, 4, 5]
    assert "before the year 3000" in refused[2]["why"]
    assert accounts.find("ann@reader.example") is not None
    file.write_text("name\nAnn\n", encoding="utf-8")
    assert run(app, "members", "import", str(file)).exit_code == 2


def test_export_is_for_spreadsheets_and_runs_no_formula(app: Flask, make_account: Any, member: Any) -> None:
    make_account("ann@reader.example", name="=HYPERLINK(1)")
    member("bob@reader.example")
    rows = list(csv.DictReader(io.StringIO(run(app, "members", "export").stdout)))
    assert [(row["email"], row["status"], row["entitled"]) for row in rows] == [
        ("ann@reader.example", "none", "false"),
        ("bob@reader.example", "active", "true"),
    ]
    assert rows[0]["name"] == "'=HYPERLINK(1)"
    lines = [json.loads(line) for line in run(app, "members", "export", "--json").stdout.splitlines()]
    assert [line["email"] for line in lines] == ["ann@reader.example", "bob@reader.example"]
