"""The checks, by what they look at; importing them registers them."""

from mulaid.conform.checks import (
    asking,
    broken,
    catalogues,
    filings,
    goods,
    mobile,
    reconciling,
    sessions,
    settling,
    stays,
    transports,
)

__all__ = [
    "asking",
    "broken",
    "catalogues",
    "filings",
    "goods",
    "mobile",
    "reconciling",
    "sessions",
    "settling",
    "stays",
    "transports",
]
