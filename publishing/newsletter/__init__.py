"""The daily newsletter, by its nouns:

tokens         what a link in a letter may do, and the signature that makes it so
subscriptions  asking, confirming, choosing, leaving; each with its record
issues         the day's issue: made from its articles, edited, started
editions       what the free and the members' edition say, through the same gate as the page
delivery       one row a recipient, one leg a job, one commit a letter
"""
