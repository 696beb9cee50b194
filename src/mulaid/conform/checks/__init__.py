"""The checks, by what they look at; importing them registers them."""

from mulaid.conform.checks import (
    asking,
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

__all__ = ["asking", "catalogues", "filings", "goods", "mobile", "reconciling", "sessions", "settling", "stays", "transports"]
