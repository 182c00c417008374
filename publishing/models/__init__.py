"""Tables of publishing, with their constraints. Importing this package registers all of them."""

from publishing.models.articles import Article, ArticleBody, Topic
from publishing.models.newsletter import (
    NewsletterConsent,
    NewsletterDelivery,
    NewsletterEdition,
    NewsletterIssue,
    NewsletterSettings,
    NewsletterSubscription,
)

__all__ = [
    "Article",
    "ArticleBody",
    "NewsletterConsent",
    "NewsletterDelivery",
    "NewsletterEdition",
    "NewsletterIssue",
    "NewsletterSettings",
    "NewsletterSubscription",
    "Topic",
]
