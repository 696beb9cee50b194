"""The people's door: Django, server-rendered pages. Its ORM is used for its own tables only."""
