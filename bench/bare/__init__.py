"""The baseline: Flask, the database and a template. It imports nothing of the application."""
