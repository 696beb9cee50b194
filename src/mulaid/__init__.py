"""Family account and household mutual aid: whose money is charged, and by which rule."""

__version__ = "0.1.0"
