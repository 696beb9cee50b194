"""The storyteller: `city.enrols("Wang")`, `.authorises`, `.pays`, `.refunds`, then `city.books_balance()`.

Bills go through the gateway's own WSGI callable with real messages, so a story proves what an institution would see.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from mulaid import commands, refs
from mulaid.crypto import Keys
from mulaid.db import Actor, Database, Tx
from mulaid.gateway.app import build
from mulaid.ledger import chart, journal, statement
from mulaid.money import parse_yuan, yuan
from mulaid.people import aid, credential, enrolment, family, household, wallet
from mulaid.people.enrolment import Enrolment, PersonRef
from mulaid.people.face import Assurance
from mulaid.people.identity import make_resident_id
from mulaid.policy.pack import library
from mulaid.proof.verify import faults

SHANGHAI = ZoneInfo("Asia/Shanghai")
BY = Actor("story", "test")
ITEMS = (
    # code, grade, upfront in millionths, limit in fen, charge, tag
    ("A", "01", None, None, "09", ""),
    ("B10", "02", 100_000, None, "09", ""),
    ("B", "02", None, None, "09", ""),
    ("MINE", "02", 1_000_000, None, "09", ""),
    ("LIMITED", "01", None, 1_000, "08", ""),
    ("OUT", "03", None, None, "14", ""),
    ("BEAUTY", "03", None, None, "14", "cosmetic"),
    ("IMPLANT", "03", None, None, "08", "implant"),
    ("VACCINE", "03", None, None, "09", "vaccine:HPV"),
)


class City:
    """A small city over one database; its clock stands still until the story moves it."""

    def __init__(self, db: Database, gateway_url: str, keys: Keys) -> None:
        self.db, self.keys = db, keys
        self.now = datetime(2026, 3, 2, 10, 0, tzinfo=SHANGHAI)
        self.people: dict[str, PersonRef] = {}
        self.numbers: dict[str, str] = {}
        self.gateway = build(gateway_url, keys, clock=lambda: self.now, allow_test_area=True, size=20)
        self._serial = 0
        self.run(self._load)

    def close(self) -> None:
        """Give the gateway's connections back."""
        self.gateway.db.close()

    def run(self, work: Any) -> Any:
        """A transaction at the story's moment."""
        return commands.alone(self.db, work, at=self.now, by=BY)

    def _load(self, tx: Tx) -> None:
        for code, grade, upfront, limit, charge, tag in ITEMS:
            tx.run(
                "insert into catalogue_item (code, valid_from, name, grade, upfront, limit_fen, charge, tag) values"
                " (%(code)s, '2000-01-01', %(code)s, %(grade)s, %(upfront)s, %(limit)s, %(charge)s, %(tag)s)",
                code=code,
                grade=grade,
                upfront=upfront,
                limit=limit,
                charge=charge,
                tag=tag,
            )
        for place in (
            ("H1", "一院", 1, "420100", "L3"),
            ("H2", "二院", 1, "420100", "L2"),
            ("P1", "药店", 2, "420100", "pharmacy"),
        ):
            self.opens(tx, *place)

    def opens(self, tx: Tx, code: str, name: str, kind: int, region: str, level: str, profile: str = "national") -> None:
        """An institution with an open connection."""
        tx.run(
            "insert into institution (code, name, kind, region, level, book) values (%(c)s, %(n)s, %(k)s, %(r)s, %(l)s, %(b)s)",
            c=code,
            n=name,
            k=kind,
            r=region,
            l=level,
            b=enrolment.book_for(region, code),
        )
        tx.run(
            "insert into client (id, institution, transport, profile) values (%(i)s, %(c)s, 'open', %(p)s)",
            i=f"open-{code}",
            c=code,
            p=profile,
        )

    def enrols(
        self, name: str, money: str = "0", *, region: str = "420100", base: str = "active", household: str = "", **more: Any
    ) -> PersonRef:
        """Register and enrol a person with money in the own account, the credential activated unless `active` is false."""
        active = more.pop("active", True)
        self._serial += 1
        born = more.pop("born", date(1950, 1, 1) if base == "retired" else date(1985, 6, 1))
        number = make_resident_id("100000", born, self._serial)

        def work(tx: Tx) -> PersonRef:
            ref = enrolment.register(
                tx,
                name="王" + "甲乙丙丁戊己庚辛"[self._serial % 8],
                kind="01",
                number=number,
                region=region,
                household=household or name,
                allow_test_area=True,
            )
            scheme = "390" if base == "resident" else "310"
            enrolment.enrol(tx, ref, Enrolment(scheme, region, base, **more), date(2020, 1, 1))
            if active:
                credential.activate(tx, ref, ref, "counter", Assurance.SANDBOX)
            return ref

        self.people[name], self.numbers[name] = self.run(work), number
        if base != "resident":
            self.credits(name, money)
        return self.people[name]

    def credits(self, name: str, money: str, kind: int = chart.OWN) -> None:
        """Put money into a purse."""
        ref, fen = self.people[name], parse_yuan(money)

        def work(tx: Tx) -> None:
            journal.open_purse(tx, ref.book, ref.id, kind)
            if fen:
                legs = [
                    journal.Leg(chart.crediting("420100"), -fen, "credit"),
                    journal.Leg(chart.purse(ref.id, kind), fen, "credit"),
                ]
                journal.post(tx, ref.book, "credit", legs)

        self.run(work)

    def authorises(self, giver: str, receiver: str, relation: str = "parent", **terms: Any) -> UUID:
        """The giver lets the receiver spend the giver's account; `relation` is what the receiver is to the giver."""
        made = aid.Terms(
            **{key: parse_yuan(value) if key in ("quota", "settlement_cap") else value for key, value in terms.items()}
        )
        bound = self.now - timedelta(days=400)
        return self.run(
            lambda tx: aid.authorise(tx, library(), self.people[giver], self.people[receiver], relation, made, bound_at=bound)
        )

    def opens_household(self, head: str, money: str = "0", **members: str) -> UUID:
        """The head's household account with money moved into its pool; `members`: name = what the member is to the head."""

        def work(tx: Tx) -> UUID:
            ref = household.open_household(tx, library(), self.people[head])
            for name, relation in members.items():
                household.add_member(tx, library(), ref, self.people[head], self.people[name], relation)
            if fen := parse_yuan(money):
                household.transfer(tx, library(), ref, self.people[head], fen)
            return ref

        return self.run(work)

    def freezes(self, giver: str, receiver: str, money: str, relation: str = "parent") -> UUID:
        """The giver freezes a quota for a relative in another province."""
        who, whom = self.people[giver], self.people[receiver]
        return self.run(lambda tx: wallet.freeze(tx, library(), who, whom, relation, parse_yuan(money)))

    def binds(self, binder: str, member: str, relation: str = "parent") -> UUID:
        """The binder may show the member's code."""
        return self.run(lambda tx: family.bind(tx, self.people[member], self.people[binder], relation))

    def shows_code(self, member: str, presenter: str = "", chosen: UUID | None = None) -> str:
        """A fresh code of the member."""
        who = self.people[presenter or member]
        return self.run(lambda tx: credential.issue(tx, library(), self.people[member], who, sandbox=True, chosen=chosen)).digits

    # The institution's side

    def send(
        self,
        infno: str,
        data: Any,
        *,
        at: str = "H1",
        msgid: str = "",
        path: str = "/fsi/api",
        headers: dict[str, str] | None = None,
        **envelope: Any,
    ) -> dict[str, Any]:
        """One message to the gateway; amounts of the answer are Decimals."""
        self._serial += 1
        message = {
            "infno": infno,
            "msgid": msgid or f"{at}{self._serial:020d}",
            "fixmedins_code": at,
            "opter": "001",
            "input": data,
            **envelope,
        }
        status, body = self.post(json.dumps(message, default=str).encode(), path=path, headers=headers)
        assert status.startswith(("200", "401")), status
        return json.loads(body, parse_float=Decimal)

    def post(self, body: bytes, *, path: str = "/fsi/api", headers: dict[str, str] | None = None) -> tuple[str, bytes]:
        """Raw bytes to the door's WSGI callable."""
        statuses: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in (headers or {}).items()},
        }
        answer = b"".join(self.gateway(environ, lambda status, _: statuses.append(status)))
        return statuses[0], answer

    def visits(self, name: str, at: str = "H1", token: str = "", on: datetime | None = None) -> dict[str, Any]:
        """Register a visit; what later messages need."""
        certificate = (
            {"mdtrt_cert_type": "01", "mdtrt_cert_no": token}
            if token
            else {"mdtrt_cert_type": "02", "mdtrt_cert_no": self.numbers[name]}
        )
        number = self.people[name].number
        begun = f"{on or self.now:%Y-%m-%d %H:%M:%S}"
        answer = self.send(
            "2201", {"data": {"psn_no": number, "begntime": begun, "ipt_otp_no": "1", "insutype": "", **certificate}}, at=at
        )
        assert answer["infcode"] == 0, answer["err_msg"]
        return {"psn_no": number, "mdtrt_id": answer["output"]["data"]["mdtrt_id"], **certificate}

    def uploads(
        self, visit: dict[str, Any], lines: Sequence[tuple[str, str]], at: str = "H1", batch: str = "B1", **more: Any
    ) -> dict[str, Any]:
        """Bill lines (item, amount); `more` of each of them."""
        rows = []
        for item, amount in lines:
            self._serial += 1
            rows.append(
                {
                    "feedetl_sn": f"L{self._serial}",
                    "mdtrt_id": visit["mdtrt_id"],
                    "psn_no": visit["psn_no"],
                    "chrg_bchno": batch,
                    "fee_ocur_time": f"{self.now:%Y-%m-%d %H:%M:%S}",
                    "med_list_codg": item,
                    "medins_list_codg": item,
                    "det_item_fee_sumamt": amount,
                    "cnt": 1,
                    "pric": amount,
                    **more,
                }
            )
        answer = self.send("2204", {"feedetail": rows}, at=at)
        assert answer["infcode"] == 0, answer["err_msg"]
        return {**visit, "medfee_sumamt": yuan(sum(parse_yuan(amount) for _, amount in lines)), "chrg_bchno": batch}

    def settles(self, visit: dict[str, Any], infno: str = "2207", at: str = "H1", msgid: str = "", **more: Any) -> dict[str, Any]:
        """The whole answer to 2206 or 2207."""
        data = {**visit, "med_type": "11", "psn_setlway": "01", "acct_used_flag": "1", "insutype": "", **more}
        return self.send(infno, {"data": data}, at=at, msgid=msgid)

    def pays(self, name: str, lines: Sequence[tuple[str, str]] | str, at: str = "H1", **more: Any) -> dict[str, Any]:
        """A whole outpatient bill, or at a pharmacy a purchase; its `setlinfo`. A bare amount is all the patient's own."""
        if isinstance(lines, str):
            lines = [("MINE", lines)]
        if at.startswith("P"):
            return self.buys(name, lines, at, **more)
        answer = self.settles(self.uploads(self.visits(name, at), lines, at), at=at, **more)
        assert answer["infcode"] == 0, answer["err_msg"]
        return answer["output"]["setlinfo"]

    def buys(
        self, name: str, lines: Sequence[tuple[str, str]], at: str = "P1", infno: str = "2102", token: str = "", **more: Any
    ) -> dict[str, Any]:
        """A purchase at a pharmacy; `setlinfo`."""
        certificate = (
            {"mdtrt_cert_type": "01", "mdtrt_cert_no": token}
            if token
            else {"mdtrt_cert_type": "02", "mdtrt_cert_no": self.numbers[name]}
        )
        info = {
            "psn_no": self.people[name].number,
            "begntime": f"{self.now:%Y-%m-%d %H:%M:%S}",
            "med_type": "41",
            "acct_used_flag": "1",
            **certificate,
            **more,
        }
        info["medfee_sumamt"] = yuan(sum(parse_yuan(amount) for _, amount in lines))
        detail = [
            {
                "feedetl_sn": str(place),
                "rxno": "",
                "rx_circ_flag": "0",
                "med_list_codg": item,
                "medins_list_codg": item,
                "det_item_fee_sumamt": amount,
                "cnt": 1,
                "pric": amount,
            }
            for place, (item, amount) in enumerate(lines, 1)
        ]
        answer = self.send(infno, {"druginfo": info, "drugdetail": detail}, at=at)
        assert answer["infcode"] == 0, answer["err_msg"]
        return answer["output"]["setlinfo"]

    def refunds(self, paid: dict[str, Any], at: str = "H1", infno: str = "2208", msgid: str = "") -> dict[str, Any]:
        """The whole answer to a refund."""
        data = {name: paid[name] for name in ("setl_id", "mdtrt_id", "psn_no")}
        return self.send(infno, {"data": data}, at=at, msgid=msgid)

    # What the books say

    def holds(self, name: str, kind: int = chart.OWN) -> str:
        """What is in a person's purse."""
        ref = self.people[name]
        return yuan(self.run(lambda tx: statement.balances(tx, ref.book, ref.id)).get(kind, 0))

    def books_balance(self) -> None:
        """The four invariants."""
        found = self.run(lambda tx: list(faults(tx)))
        assert found == []

    def settlement(self, shown: str) -> UUID:
        """The id behind a settlement number."""
        return refs.parse(refs.SETTLEMENT, shown)
