"""What came back: read in the usual form whatever the connection's dialect, and believed only when its amounts add up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mulaid.client.connection import Connection, clear_output, opened
from mulaid.gateway import contract
from mulaid.gateway.auth import SEALED
from mulaid.gateway.dialect import decoded, named, undress
from mulaid.refusal import Refusal

FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")
BILL_PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")

Info = Mapping[str, Any]


class Refused(Exception):
    """The gateway said no. `code` is the refusal's name, empty where the answer names none; `err_msg` is for a screen."""

    def __init__(self, code: str, err_msg: str) -> None:
        self.code, self.err_msg = code, err_msg
        super().__init__(err_msg)


class NoAnswer(Exception):
    """No answer came that can be read, after every try; whether the message was carried out is not known. For the operator."""


class WrongMoney(NoAnswer):
    """The answer's amounts do not add up, so it must not be shown to anybody as what was paid."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that was carried out: its number, its output, the bytes as they came, and a remark for the operator."""

    msgid: str
    output: Any
    raw: bytes
    warning: str

    @property
    def paid(self) -> Info:
        """`setlinfo` of a settlement, pre-settlement or refund."""
        info: Info = self.output["setlinfo"]
        return info


def read_answer(connection: Connection, infno: str, msgid: str, raw: bytes) -> Answer:
    """What came back, in the usual form whatever the connection's dialect. Raises Refused and NoAnswer."""
    try:
        message = as_usual(connection, infno, raw)
        infcode = str(message["infcode"])
    except (ValueError, KeyError, TypeError):
        raise NoAnswer(f"{msgid}: the answer cannot be read: {raw[:200]!r}") from None
    if infcode != "0":
        said = str(message.get("err_msg") or message.get("message") or "")
        code = re.search(r"〔([a-z0-9_.]+)〕$", said, re.ASCII)
        raise Refused(code[1] if code else "", said)
    return Answer(msgid, message.get("output"), raw, str(message.get("warn_msg") or ""))


def as_usual(connection: Connection, infno: str, raw: bytes) -> dict[str, Any]:
    """An answer in the usual form: names, encoding and amounts as the national interface writes them. Raises ValueError."""
    if connection.transport == SEALED:
        return opened(connection, raw)
    profile = connection.dialect
    nodes = contract.transaction(infno).output if infno in contract.contract().transactions else ()
    kept = {field.name for node in nodes for field in node.fields if not field.name.islower()}
    try:
        message = clear_output(connection, undress(profile, raw, kept))
    except (ValueError, KeyError, TypeError, AttributeError):
        # A caller that cannot prove who it is has no dialect yet.
        try:
            message = json.loads(decoded(raw)[0], parse_float=Decimal)
        except Refusal as neither:
            raise ValueError(neither.says) from None
    output = message.get("output")
    for node in nodes:
        rows = output if node.flat else output.get(node.name) if isinstance(output, dict) else None
        kinds = {field.name: field.kind for field in node.fields}
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, dict):
                # Two nodes may spell one thing in two ways, which camel case makes the same.
                for field in node.fields:
                    if field.name not in row and (spelt := named(profile, field.name)) in row:
                        row[field.name] = row.pop(spelt)
                # A flat node's members stand beside other nodes, which are read on their own.
                row.update({name: _as_typed(kinds.get(name, profile.amounts_text), value) for name, value in row.items()})
    return dict(message)


def _as_typed(kind: str | bool, value: Any) -> Any:
    """A member by its kind; for one that no table names, whether the connection writes amounts as text."""
    if not isinstance(value, str):
        return value
    if isinstance(kind, bool):
        return Decimal(value) if kind and re.fullmatch(r"-?[0-9]+\.[0-9]{2}", value, re.ASCII) else value
    if not value:
        return None if kind != "C" else value
    if kind == "N":
        return Decimal(value)
    if kind in ("D", "DT") and re.fullmatch(r"[0-9]{8}(?:[0-9]{6})?", value, re.ASCII):
        day = f"{value[:4]}-{value[4:6]}-{value[6:8]}"
        return f"{day} {value[8:10]}:{value[10:12]}:{value[12:14]}" if value[8:] else day
    return value.replace("/", "-") if kind in ("D", "DT") else value


def identities(output: Info, *, fund_includes_accounts: bool = False) -> Iterator[str]:
    """Where a settlement's amounts do not add up, one sentence each; refunds add up with their minus signs."""
    info = output["setlinfo"]

    def amount(name: str) -> Decimal:
        return Decimal(info.get(name) or 0)

    fund, account = amount("fund_pay_sumamt"), amount("acct_pay")
    if fund_includes_accounts:
        fund -= account
    total, person, cash = amount("medfee_sumamt"), amount("psn_part_amt"), amount("psn_cash_pay")
    checks = (
        ("medfee_sumamt = fund_pay_sumamt + psn_part_amt + hosp_part_amt", total, fund + person + amount("hosp_part_amt")),
        ("fund_pay_sumamt = the single funds", fund, sum(amount(name) for name in FUNDS)),
        ("psn_part_amt = acct_pay + psn_cash_pay", person, account + cash),
        ("medfee_sumamt = the four parts of the bill", total, sum(amount(name) for name in BILL_PARTS)),
    )
    for says, one, other in checks:
        if one != other:
            yield f"{says}: {one} is not {other}"
    if abs(amount("acct_mulaid_pay")) > abs(account) or amount("acct_mulaid_pay") * account < 0:
        yield f"acct_mulaid_pay {amount('acct_mulaid_pay')} is not inside acct_pay {account}"
    # A refund on a connection that wants positive amounts has no signs to look at; within one answer they never differ.
    if {number > 0 for number in (total, fund, account, cash) if number} == {True, False}:
        yield "amounts above and below zero in one answer"
