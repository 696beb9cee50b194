"""Parties outside the building, as ports: each has a sandbox that labels what it touches, and real providers."""
