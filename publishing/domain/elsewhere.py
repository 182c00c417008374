"""Our own sanitised HTML for places that have no address of their own: mails and feeds."""

import nh3

_TAGS = set("p h1 h2 h3 h4 h5 h6 em strong s a img figure figcaption blockquote ul ol li pre code hr br".split())
_TAGS |= set("table thead tbody tr th td sup section".split())
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "width", "height"}, "ol": {"start"}}


def with_whole_addresses(html: str, address: str) -> str:
    """``html`` of the page at ``address``: there is nothing beside it in which "/media/x" or "#fn1" could be found."""
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, link_rel=None, url_relative=("rewrite_with_base", address))
