"""The conformance kit: whether a server of the national interface, ours or any other, does what hospital programs rely on.

The checks are in modules by what they look at; importing them registers them with `kit`.
"""

from mulaid.conform import asking, mobile, reconciling, reporting, sessions, settling, transports

__all__ = ["asking", "mobile", "reconciling", "reporting", "sessions", "settling", "transports"]
