"""The newsroom: write, be told what is wrong with nothing lost, preview, publish, take back; and who may not."""

import html
from typing import Any

import pytest
from sqlalchemy import func, select

from kit.database import db
from publishing.models import Article

GOOD = {
    "title": "The new lock",
    "author": "Ada Ferris",
    "access": "members",
    "kind": "article",
    "topic": "River",
    "body": "Open.\n\nGATEDWORD.",
}


def path_of(page: Any) -> str:
    assert page.status == 303, page.text
    return page.location


def test_an_editor_writes_previews_and_publishes(visit: Any, staff: Any, visitor: Any) -> None:
    desk = visit(staff("editor"))
    assert "No articles yet" in desk.get("/admin/articles/").text
    assert "<!-- more -->" in desk.get("/admin/articles/new").text, "a hint is text, not a comment"
    edit = path_of(desk.submit("/admin/articles/new", **GOOD))
    assert visitor.get("/articles/the-new-lock").status == 404, "a draft is nobody's"
    preview = desk.get(f"{edit}/preview")
    as_visitor, as_member = ("".join(node.itertext()) for node in preview.tree.iter("section"))
    assert "GATEDWORD" not in as_visitor
    assert "Open." in as_visitor
    assert "GATEDWORD" in as_member
    desk.get("/admin/articles/")
    assert path_of(desk.submit(f"{edit}/publish")) == edit
    assert "is published" in desk.get(edit).text
    assert "Open." in visitor.get("/articles/the-new-lock").text
    assert path_of(desk.submit(f"{edit}/unpublish")) == edit
    assert visitor.get("/articles/the-new-lock").status == 404


@pytest.mark.parametrize("access", ["members", "metered", "free"])
def test_a_change_to_what_is_out_is_looked_at_before_readers_have_it(
    visit: Any, staff: Any, make_article: Any, visitor: Any, access: str
) -> None:
    article = make_article("the-weir")
    desk = visit(staff("editor"))
    page = desk.get(f"/admin/articles/{article.id}")
    (button,) = [node for node in page.tree.iter("button") if node.get("formaction")]
    assert button.get("formtarget") == "_blank", "the form stays where it is"
    typed = {**page.form(f"/admin/articles/{article.id}").fields, **GOOD, "access": access}
    shown = desk.post(button.get("formaction"), typed)
    assert shown.status == 200
    as_visitor, as_member = ("".join(node.itertext()) for node in shown.tree.iter("section"))
    assert ("GATEDWORD" in as_visitor, "GATEDWORD" in as_member) == (access == "free", True)
    assert "Nothing was saved" in shown.text
    db.session.expire_all()
    assert (article.title, article.version) == ("The weir", 2)
    assert "GATEDWORD" not in visitor.get("/articles/the-weir").html


def test_what_was_never_saved_can_be_looked_at(visit: Any, staff: Any) -> None:
    desk = visit(staff("editor"))
    assert "GATEDWORD" in desk.post("/admin/articles/preview", GOOD).text
    wrong = desk.post("/admin/articles/preview", {**GOOD, "body": "One.\n\n- <!-- more -->"})
    assert (wrong.status, "(line 3)" in wrong.errors()["body"]) == (422, True)
    assert wrong.form("/admin/articles/new").fields["title"] == GOOD["title"]
    assert desk.post("/admin/articles/preview?of=999", GOOD).status == 404
    assert db.session.scalar(select(func.count()).select_from(Article)) == 0


def test_save_and_publish_is_one_step(visit: Any, staff: Any, visitor: Any) -> None:
    desk = visit(staff("editor"))
    desk.get("/admin/articles/new")
    path_of(desk.submit("/admin/articles/new", publish="1", **GOOD))
    assert visitor.get("/articles/the-new-lock").status == 200


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"title": ""}, "title", "needs a title"),
        ({"body": ""}, "body", "no text yet"),
        ({"body": "One.\n\n- <!-- more -->"}, "body", "(line 3)"),
        ({"slug": "Not a slug"}, "slug", "lower-case letters"),
        ({"slug": "taken"}, "slug", "address already"),
        ({"date": "soon"}, "date", "2026-11-20"),
        ({"image": "https://x.example/a.png"}, "image", "picture of this site"),
        ({"topic": "x" * 81}, "topic", "At most 80 characters"),
    ],
)
def test_what_is_wrong_is_said_at_the_field_and_nothing_typed_is_lost(
    visit: Any, staff: Any, make_article: Any, change: dict[str, str], field: str, says: str
) -> None:
    make_article("taken")
    desk = visit(staff("editor"))
    desk.get("/admin/articles/new")
    typed = {**GOOD, **change}
    page = desk.submit("/admin/articles/new", **typed)
    assert page.status == 422
    assert says in page.errors()[field]
    kept = page.form("/admin/articles/new").fields
    assert {name: kept[name].strip() for name in typed} == {name: value.strip() for name, value in typed.items()}
    assert db.session.scalar(select(func.count()).select_from(Article)) == 1


@pytest.mark.parametrize("change", [{"kind": "poem"}, {"access": "all"}, {"access": ""}])
def test_a_choice_that_is_none(visit: Any, staff: Any, change: dict[str, str]) -> None:
    desk = visit(staff("editor"))
    page = desk.post("/admin/articles/new", {**GOOD, **change})
    assert page.status == (303 if change == {"access": ""} else 422), "no choice means members only"


def test_two_editors_do_not_overwrite_each_other(visit: Any, staff: Any, make_article: Any, make_account: Any) -> None:
    article = make_article("the-weir")
    edit = f"/admin/articles/{article.id}"
    ann, bob = visit(staff("editor")), visit(make_account(role="editor"))
    ann.get(edit)
    bob.get(edit)
    assert bob.submit(edit, title="Bob was first").status == 303
    late = ann.submit(edit, title="Ann was second")
    assert late.status == 422
    assert "Somebody else saved this article" in late.text
    assert late.form(edit).fields["title"] == "Ann was second"
    assert db.session.scalar(select(Article.title)) == "Bob was first"
    assert ann.submit(edit).status == 422, "sending it again does not slip through"


def test_editing_keeps_everything_and_the_date(visit: Any, staff: Any, make_article: Any) -> None:
    article = make_article("the-weir", image="/media/weir.webp")
    before = {name: getattr(article, name) for name in ("title", "slug", "image", "summary", "status", "preview_html", "topic_id")}
    published_at = article.published_at
    desk = visit(staff("editor"))
    desk.get(f"/admin/articles/{article.id}")
    assert desk.submit(f"/admin/articles/{article.id}").status == 303
    db.session.expire_all()
    assert {name: getattr(article, name) for name in before} == before
    assert article.published_at == published_at.replace(second=0, microsecond=0), "the form shows minutes"


def test_a_date_ahead_is_taken_off_a_draft_by_emptying_it(visit: Any, staff: Any, visitor: Any) -> None:
    desk = visit(staff("editor"))
    desk.get("/admin/articles/new")
    edit = path_of(desk.submit("/admin/articles/new", **GOOD, date="2031-12-24 06:00"))
    page = desk.get(edit)
    assert page.form(edit).fields["date"] == "2031-12-24 06:00"
    path_of(desk.submit(edit, date="", publish="1"))
    assert visitor.get("/articles/the-new-lock").status == 200


@pytest.mark.parametrize("taken_back", [False, True])
def test_the_date_of_what_was_out_stays(visit: Any, staff: Any, make_article: Any, taken_back: bool) -> None:
    article = make_article("the-weir")
    published_at = article.published_at
    desk = visit(staff("editor"))
    edit = f"/admin/articles/{article.id}"
    desk.get(edit)
    if taken_back:
        desk.submit(f"{edit}/unpublish")
        desk.get(edit)
    assert desk.submit(edit, date="").status == 303
    db.session.expire_all()
    assert article.published_at == published_at


def test_a_list_is_searched_and_narrowed(visit: Any, staff: Any, make_article: Any) -> None:
    make_article("the-weir")
    make_article("the-lock", summary="", body="Shut.")
    desk = visit(staff("owner"))
    found = desk.get("/admin/articles/?q=weir&status=published").text
    assert "The weir" in found
    assert "The lock" not in found
    assert "No article matches" in desk.get("/admin/articles/?status=draft").text
    assert desk.get("/admin/articles/?page=0").status == 404
    assert desk.get("/admin/articles/?page=x").status == 200


def test_it_warns_when_nothing_is_behind_the_preview(visit: Any, staff: Any, make_article: Any) -> None:
    article = make_article("one-paragraph", body="All of it.")
    assert "Add <!-- more --> or a second" in html.unescape(visit(staff("editor")).get(f"/admin/articles/{article.id}").text)


DOORS = ["/admin/articles/", "/admin/articles/new", "/admin/articles/1", "/admin/articles/1/preview"]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("who", ["stranger", "reader", "finance", "support"])
def test_who_is_not_of_the_desk_stays_out(visit: Any, make_account: Any, make_article: Any, path: str, who: str) -> None:
    make_article("the-weir")
    browser = visit() if who == "stranger" else visit(make_account(role=None if who == "reader" else who))
    answer = browser.get(path)
    assert answer.status == {"stranger": 303, "reader": 404}.get(who, 403)
    assert "QUARTZMILL" not in answer.html
    if "preview" not in path:
        assert browser.post("/admin/articles/1/unpublish").status in (303, 403, 404)
        assert db.session.scalar(select(Article.status)) == "published"


@pytest.mark.parametrize("path", ["/admin/articles/2", "/admin/articles/2/preview", "/admin/articles/99999999999", "/admin/articles/x"])
def test_what_is_not_there(visit: Any, staff: Any, path: str) -> None:
    assert visit(staff("editor")).get(path).status == 404


def test_no_change_without_a_token(visit: Any, staff: Any, make_article: Any) -> None:
    article = make_article("the-weir")
    desk = visit(staff("editor"))
    assert desk.post(f"/admin/articles/{article.id}/unpublish", csrf=False).status == 400
    assert db.session.scalar(select(Article.status)) == "published"
