"""The newsroom: list, write, edit, look at, publish and unpublish articles."""

from datetime import datetime

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, select
from werkzeug import Response

from kit import clock
from kit.database import db
from kit.formats import local, zone
from membership.domain.paywall import Access
from membership.guards import staff
from publishing import articles
from publishing.domain import articles as rules
from publishing.domain import search
from publishing.domain.problems import Refused
from publishing.models.articles import Article, Topic
from publishing.views.article_form import ArticleForm, show_problems

bp = Blueprint("staff_articles", __name__, url_prefix="/admin/articles")

A_PAGE = 50


@bp.get("/")
@staff("editor")
def index() -> str:
    """Every article, the last touched first; ``?q=`` and ``?status=`` narrow it."""
    question, status = request.args.get("q", ""), request.args.get("status", "")
    page = request.args.get("page", default=1, type=int)
    if not 1 <= page <= 1000:
        abort(404)
    only: list[ColumnElement[bool]] = [Article.search_text.contains(word, autoescape=True) for word in search.words(question)]
    if status in rules.STATUSES:
        only.append(Article.status == status)
    query = select(Article).where(*only).order_by(Article.updated_at.desc(), Article.id.desc())
    found = list(db.session.scalars(query.offset((page - 1) * A_PAGE).limit(A_PAGE + 1)))
    return render_template(
        "staff/articles/index.html",
        articles=found[:A_PAGE],
        more=len(found) > A_PAGE,
        page=page,
        question=question,
        status=status,
        now=clock.now(),
    )


@bp.get("/new")
@staff("editor")
def new() -> str:
    """An empty form."""
    return _form_page(ArticleForm(access="members", kind="article"), None)


@bp.post("/new")
@staff("editor")
def create() -> Response:
    """Save a first draft."""
    form = ArticleForm()
    try:
        article = articles.save(rules.accept(form.said(), zone()))
    except Refused as refusal:
        return _refused(form, refusal, None)
    target = _after_saving(article, form)
    db.session.commit()
    return target


@bp.get("/<int(max=2147483647):article_id>")
@staff("editor")
def edit(article_id: int) -> str:
    """The form with what is saved."""
    article = _found(article_id)
    saved = {name: getattr(article, name) for name in ("title", "slug", "kind", "author", "access", "summary", "image", "version")}
    saved["topic"] = article.topic.name if article.topic else ""
    saved["date"] = local(article.published_at).strftime("%Y-%m-%d %H:%M") if article.published_at else ""
    return _form_page(ArticleForm(data={**saved, "body": articles.source_of(article.id)}), article)


@bp.post("/<int(max=2147483647):article_id>")
@staff("editor")
def update(article_id: int) -> Response:
    """Save a new state, unless somebody else saved since this form was opened."""
    form = ArticleForm()
    article = _found(article_id)
    try:
        article = articles.save(rules.accept(form.said(), zone()), article_id=article_id, version=form.version.data)
    except Refused as refusal:
        return _refused(form, refusal, article)
    target = _after_saving(article, form)
    db.session.commit()
    return target


@bp.get("/<int(max=2147483647):article_id>/preview")
@staff("editor")
def preview(article_id: int) -> str:
    """Beside each other: what a visitor sees and what a member sees, both from the loader that serves them."""
    article = _found(article_id)
    seen = {
        "visitor": articles.body_for(article, Access("full", "free") if article.access == "free" else Access("preview", "members-only")),
        "member": articles.body_for(article, Access("full", "member")),
    }
    return render_template("staff/articles/preview.html", article=article, seen=seen, typed=False)


@bp.post("/preview")
@staff("editor")
def try_out() -> Response | str:
    """The same of what stands in the form, saving nothing: a published article's changes can be looked at before readers have them.

    No redirect, since there is nothing to lead to; the form stays open in the window that asked.
    """
    form = ArticleForm()
    article = _found(number) if (number := request.args.get("of", type=int)) else None
    try:
        fields = rules.accept(form.said(), zone())
        seen = articles.trial(fields)
    except Refused as refusal:
        return _refused(form, refusal, article)
    return render_template("staff/articles/preview.html", article=fields, seen=seen, typed=True)


@bp.post("/<int(max=2147483647):article_id>/publish")
@staff("editor")
def publish(article_id: int) -> Response:
    """Let readers have it."""
    article = articles.publish(_found(article_id).id, clock.now())
    _say_published(article, clock.now())
    db.session.commit()
    return redirect(url_for("staff_articles.edit", article_id=article_id), code=303)


@bp.post("/<int(max=2147483647):article_id>/unpublish")
@staff("editor")
def unpublish(article_id: int) -> Response:
    """Take it back into the drafts."""
    article = articles.unpublish(_found(article_id).id)
    flash(_("“%(title)s” is a draft again: readers no longer find it.", title=article.title), "success")
    db.session.commit()
    return redirect(url_for("staff_articles.edit", article_id=article_id), code=303)


def _found(article_id: int) -> Article:
    return db.session.get(Article, article_id) or abort(404)


def _form_page(form: ArticleForm, article: Article | None) -> str:
    topics = db.session.scalars(select(Topic.name).order_by(Topic.name)).all()
    return render_template("staff/articles/form.html", form=form, article=article, topics=topics, now=clock.now())


def _refused(form: ArticleForm, refusal: Refused, article: Article | None) -> Response:
    """422 with each problem at its field and everything that was typed."""
    show_problems(form, refusal)
    answer = make_response(_form_page(form, article), 422)
    db.session.rollback()
    return answer


def _after_saving(article: Article, form: ArticleForm) -> Response:
    """Publish too, if that button was pressed; then back to the form, or to the preview."""
    if form.publish.data:
        article = articles.publish(article.id, clock.now())
        _say_published(article, clock.now())
    else:
        flash(_("Saved."), "success")
    return redirect(url_for("staff_articles.edit", article_id=article.id), code=303)


def _say_published(article: Article, now: datetime) -> None:
    if article.is_public(now):
        flash(_("“%(title)s” is published.", title=article.title), "success")
    else:
        flash(_("“%(title)s” will be published on its date.", title=article.title), "success")
