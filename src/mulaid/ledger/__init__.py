"""The books: journals, counted purses, tallied accounts, statements, and the proof that they are right."""
