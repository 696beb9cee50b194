"""The transactions: each one turns a checked input into a domain call and the result into an answer's output.

Reads answer from a look at the database. Writes are commands under the key (institution, infno, msgid): a repeated msgid gets the
stored answer, byte for byte, whatever it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mulaid.gateway.handlers import person, query, settlement, visit
from mulaid.gateway.handlers.call import DOOR, Call, same_area
from mulaid.gateway.handlers.person import decoded

__all__ = ["DOOR", "HANDLERS", "SETTLING", "Call", "decoded", "same_area"]

Handler = Callable[[Call], str]

# These keep the nonce of a signed message with their stored answer, which spares them a write of its own.
SETTLING = frozenset(("2102", "2207"))

HANDLERS: Mapping[str, Handler] = {
    "9001": person.sign_in,
    "9002": person.sign_out,
    "1101": person.person,
    "1162": person.decode,
    "2001": person.entitlement,
    "2101": settlement.preview_pharmacy,
    "2102": settlement.settle_pharmacy,
    "2103": settlement.refund,
    "2201": visit.register,
    "2202": visit.cancel_registration,
    "2203": visit.report_visit,
    "2203A": visit.report_visit,
    "2204": visit.upload,
    "2205": visit.take_back_lines,
    "2206": settlement.preview_outpatient,
    "2207": settlement.settle_outpatient,
    "2208": settlement.refund,
    "5203": query.settlement,
    "5204": query.bill_lines,
    "2601": settlement.take_back,
}
