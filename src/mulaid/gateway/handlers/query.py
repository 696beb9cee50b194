"""What institutions look up again: settlements, bill lines."""

from __future__ import annotations

from mulaid import refs
from mulaid.gateway import answers
from mulaid.gateway.handlers.call import Call, person_of
from mulaid.gateway.handlers.settlement import recorded
from mulaid.ledger.chart import CURRENT_YEAR, OWN
from mulaid.ledger.statement import balances
from mulaid.refusal import Refusal
from mulaid.settlement import pay, visit


def settlement(call: Call) -> str:
    """5203: a settlement as it stands, by its number or by the visit when the answer with the number was lost."""
    data = call.input["data"]
    ref = person_of(data)
    with call.db.reading(call.at, call.by) as tx:
        if "setl_id" in data:
            row = pay.find(tx, refs.parse(refs.SETTLEMENT, data["setl_id"]))
        elif "mdtrt_id" in data:
            row = pay.newest_of_visit(tx, refs.parse(refs.VISIT, data["mdtrt_id"]))
        else:
            raise Refusal("message.which_settlement")
        if row["institution"] != call.institution.code:
            raise Refusal("settlement.other_institution")
        if row["person"] != ref.id:
            raise Refusal("settlement.other_person")
        if row["refunds"] is None:
            answer = recorded(tx, call, row)
        else:
            held = balances(tx, row["book"], row["person"])
            balance = held.get(OWN, 0) + held.get(CURRENT_YEAR, 0)
            original = recorded(tx, call, pay.find(tx, row["refunds"]))
            shown = refs.show(refs.SETTLEMENT, row["id"])
            answer = answers.refunded(original, shown, row["settled_at"], row["msgid"], balance, call.profile)
    return call.answer(answers.queried(row, answer, call.institution, row["settled_at"]))


def bill_lines(call: Call) -> str:
    """5204: the lines of a visit; here the output itself is the array."""
    data = call.input["data"]
    ref = refs.parse(refs.VISIT, data["mdtrt_id"])
    batch = None
    with call.db.reading(call.at, call.by) as tx:
        place = visit.find_visit(tx, ref, call.institution.code, person_of(data).id)
        number = data.get("setl_id", "")
        if number:
            settled = pay.find(tx, refs.parse(refs.SETTLEMENT, number))
            if settled["visit"] != ref:
                raise Refusal("settlement.other_person")
            batch = settled["batch"]
        lines = visit.bill_lines(tx, ref, batch)
        codes = list({line["item"] for line in lines})
        items = {row["code"]: row for row in tx.all(visit.SQL.items, codes=codes, on=place["begun_on"])}
    return call.answer([answers.stored_line(place, number, line, items.get(line["item"])) for line in lines])
