"""Pure rules of publishing: Markdown to pages and previews, addresses, what an article must have. No Flask, no database, no clock."""
