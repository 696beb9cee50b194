"""The checks of filings: referral, chronic disease, designated institution, accident; found again, in the way, cancelled."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mulaid.conform.kit import Bench, Work, check, expect


@dataclass(frozen=True, slots=True)
class Filing:
    """How a kind of filing is filed, cancelled and asked for; `about` is the member that tells two of them apart."""

    files: str
    node: str
    cancels: str
    asks: str
    rows: str
    about: str
    says: str


KINDS = (
    Filing("2501", "refmedin", "2502", "5304", "refmedin", "reflin_medins_no", "a referral"),
    Filing("2503", "data", "2504", "5301", "feedetail", "opsp_dise_code", "a chronic disease"),
    Filing("2505", "data", "2506", "5302", "psnfixmedin", "fix_srt_no", "a designated institution"),
)


def _given(bench: Bench, kind: Filing, person: str) -> dict[str, Any]:
    """A filing that nobody has made yet."""
    today = bench.hospital.clock().date()
    mark = f"{secrets.randbelow(10**5):05d}"
    data: Mapping[str, Mapping[str, Any]] = {
        "2501": {"diag_code": "I21.9", "diag_name": "急性心肌梗死", "reflin_medins_no": f"K{mark}", "begndate": today},
        "2503": {"opsp_dise_code": f"M{mark}", "opsp_dise_name": "高血压", "begndate": today - timedelta(days=30)},
        "2505": {
            "biz_appy_type": "03",
            "fix_srt_no": mark[:3],
            "fixmedins_code": bench.hospital.connection.institution,
            "begndate": today,
        },
    }
    return {kind.node: {"psn_no": person, **data[kind.files]}}


def _filed(kind: Filing) -> Work:
    def work(bench: Bench) -> None:
        client, other = bench.hospital, bench.client("other")
        person, _ = bench.person(client, "aided")
        given = _given(bench, kind, person)
        about = given[kind.node][kind.about]

        def known() -> bool:
            asked = {"psn_no": person, "begntime": client.clock() - timedelta(days=60), "endtime": client.clock()}
            asked = asked if kind.asks == "5304" else {"psn_no": person}
            return about in [row[kind.about] for row in bench.asks(other, kind.asks, {"data": asked})[kind.rows]]

        expect(not known(), f"{kind.asks}: nothing about {about} yet", "a filing")
        number = bench.does(client, kind.files, given)["result"]["trt_dcla_detl_sn"]
        gone = {"data": {"trt_dcla_detl_sn": number, "psn_no": person}}
        bench.afterwards(lambda: client.call(kind.cancels, gone))
        expect(known(), f"{kind.asks}: what was filed about {about}", "nothing")
        bench.refused(client, kind.files, given)
        bench.refused(other, kind.cancels, gone)
        stranger, _ = bench.person(client, "giver")
        bench.refused(client, kind.cancels, {"data": {**gone["data"], "psn_no": stranger}})
        expect(known(), f"{kind.asks}: the filing after refused cancellations", "nothing")
        bench.does(client, kind.cancels, gone)
        expect(not known(), f"{kind.asks}: nothing about {about} after it was cancelled", "a filing")
        bench.refused(client, kind.cancels, gone)

    return work


def _bad_days(kind: Filing) -> Work:
    def work(bench: Bench) -> None:
        person, _ = bench.person(bench.hospital, "aided")
        given = _given(bench, kind, person)
        begun = given[kind.node]["begndate"]
        bench.refused(bench.hospital, kind.files, {kind.node: {**given[kind.node], "enddate": begun - timedelta(days=1)}})
        bench.refused(bench.hospital, kind.files, {kind.node: {**given[kind.node], kind.about: ""}})
        for number in (bench.nobody(bench.hospital), "P" + "0" * 26, "1", ""):
            bench.refused(bench.hospital, kind.files, {kind.node: {**given[kind.node], "psn_no": number}})

    return work


for _kind in KINDS:
    _says = f"{_kind.says} is found again until it is cancelled, is in the way of its twin, and only its own hospital cancels it"
    check(f"{_kind.files}.filed", _says)(_filed(_kind))
    check(f"{_kind.files}.refuses", f"{_kind.says} with days that contradict each other, about nothing or nobody is refused")(
        _bad_days(_kind)
    )


@check("2507.filed", "an accident is put on record once")
def _(bench: Bench) -> None:
    person, _ = bench.person(bench.hospital, "aided")
    hurt = bench.hospital.clock() - timedelta(days=1, seconds=secrets.randbelow(10**7))
    given = {"data": {"psn_no": person, "trum_time": hurt, "trum_rea": "摔倒", "trum_part": "手", "trum_site": "家"}}
    bench.does(bench.hospital, "2507", given)
    bench.refused(bench.hospital, "2507", given)
