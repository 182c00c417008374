"""An article file: Markdown under a head of named values between two lines of three hyphens.

---
title: The mill is turning again
topic: Water
author: Ida Holm
date: 2026-11-20
access: members
---
The first paragraph ...
"""

from collections.abc import Mapping

import yaml

from publishing.domain.problems import Problem, Refused, mark

FIELDS = ("title", "slug", "kind", "topic", "author", "date", "access", "summary", "image")
_FENCE = "---"


def split(text: str) -> tuple[dict[str, str], str, dict[str, int]]:
    """The head's values as written, the body, and the line of each name (from 1; "body" too).

    Raises Refused with the line of what is wrong.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        raise Refused({"file": Problem(mark("An article begins with its front matter: a line of three hyphens."), line=1)})
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise Refused({"file": Problem(mark("The front matter is not closed by a line of three hyphens."), line=1)})
    values, places = _head("\n".join(lines[1:end]))
    body = "\n".join(lines[end + 1 :])
    places["body"] = end + 2 + len(body) - len(body.lstrip("\n"))
    return values, body.strip("\n") + "\n", places


def _head(text: str) -> tuple[dict[str, str], dict[str, int]]:
    try:
        # Composed, not constructed: each value stays the text that was written ("2024" is a slug, no number).
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        spot = getattr(error, "problem_mark", None)
        message = Problem(mark("The front matter cannot be read as YAML."), line=spot.line + 2 if spot else 2)
        raise Refused({"file": message}) from error
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise Refused({"file": Problem(mark("The front matter must be lines of name: value."), line=2)})
    values: dict[str, str] = {}
    places: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 2
        if not isinstance(key, yaml.ScalarNode) or key.value not in FIELDS:
            name = getattr(key, "value", "?")
            known = ", ".join(FIELDS)
            text_of = mark('"%(name)s" is not a field of an article: use %(known)s.')
            raise Refused({"file": Problem(text_of, (("name", str(name)), ("known", known)), line)})
        if not isinstance(value, yaml.ScalarNode):
            raise Refused({key.value: Problem(mark("This must be one value."), line=line)})
        if key.value in values:
            raise Refused({key.value: Problem(mark("This is said twice."), line=line)})
        values[key.value] = "" if value.tag == "tag:yaml.org,2002:null" else value.value
        places[key.value] = line
    return values, places


def join(values: Mapping[str, str], body: str) -> str:
    """A file that ``split`` reads back to the same values; empty ones are left out."""
    head = {name: values[name] for name in FIELDS if values.get(name)}
    written = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=1000)
    return f"{_FENCE}\n{written}{_FENCE}\n\n{body.strip(chr(10))}\n"
