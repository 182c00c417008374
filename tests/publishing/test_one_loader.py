"""R10: only publishing/articles.py may name the table of texts, whatever it is called there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("kit", "membership", "publishing", "payments", "reports", "demo")
MAY = {
    "publishing/articles.py", "publishing/models/articles.py", "publishing/models/__init__.py",
    "payments/domain/tables.py",  # only to say that a rebuild leaves it out
}  # fmt: skip


def words(value: object) -> list[str]:
    return re.findall(r"\w+", value) if isinstance(value, str) else []


def names_the_text(source: str) -> bool:
    """Does this module name ArticleBody, or its table in a string (SQL)? Docstrings may speak of it."""
    tree = ast.parse(source)
    spoken = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.alias | ast.Attribute):
            said = {getattr(node, "id", ""), getattr(node, "name", ""), getattr(node, "attr", "")}
            if "ArticleBody" in said:
                return True
        if isinstance(node, ast.Constant) and id(node) not in spoken and {"article_body", "ArticleBody"} & set(words(node.value)):
            return True
    return False


def test_one_module_loads_texts() -> None:
    files = [ROOT / "app.py", *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    offenders = {str(path.relative_to(ROOT)) for path in files if names_the_text(path.read_text(encoding="utf-8"))} - MAY
    assert not offenders
    assert names_the_text((ROOT / "publishing/articles.py").read_text(encoding="utf-8")), "the check must see what it looks for"


@pytest.mark.parametrize(
    "source",
    [
        "from publishing.models import ArticleBody",
        "from publishing.models import ArticleBody as Harmless",
        "import publishing.models as m\nm.ArticleBody",
        "text('select html from article_body')",
        "getattr(models, 'ArticleBody')",
        "f'select html from article_body where article_id = {n}'",
    ],
)
def test_the_check_sees_ways_around_it(source: str) -> None:
    assert names_the_text(source)


def test_marking_as_safe_happens_where_it_is_argued() -> None:
    """Markup() and |safe switch escaping off: a short list of places, each with its reason beside it."""
    may = {"publishing/articles.py", "publishing/frame.py", "publishing/metadata.py", "publishing/appeals.py", "publishing/views/front.py"}
    users = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "publishing").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Markup"
    }
    assert users <= may | {path for path in users if "newsletter" in path}
    folders = (
        "front",
        "articles",
        "archive",
        "topics",
        "columns",
        "photos",
        "search",
        "appeals",
        "frame",
        "macros",
        "staff/articles",
        "errors",
    )
    for folder in folders:
        for template in (ROOT / "templates" / folder).rglob("*.html"):
            assert "|safe" not in template.read_text(encoding="utf-8").replace(" ", ""), template
