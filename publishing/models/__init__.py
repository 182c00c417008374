"""Tables of publishing, with their constraints. Importing this package registers all of them."""

from publishing.models.articles import Article, ArticleBody, Topic

__all__ = ["Article", "ArticleBody", "Topic"]
