"""What a person's insurance covers: from which day it pays, what comes into the account each month, and care away from home."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django import forms as django_forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from mulaid import refs
from mulaid.agency import casework
from mulaid.agency.matters import STATES, matter
from mulaid.calendar import business_date, month_of, months_later
from mulaid.db import Tx
from mulaid.ledger import chart
from mulaid.people import family as bonds
from mulaid.people import filings, standing
from mulaid.people.enrolment import Enrolment, newest
from mulaid.people.filings import KINDS, LONG_TERM, LONGEST_REASON, NEEDS_PAPERS, Certificate, Filing
from mulaid.policy.channels import where
from mulaid.policy.explain import DISEASES
from mulaid.policy.pack import NATION, Pack, library
from mulaid.policy.parameters import reference
from mulaid.policy.rules import REMOTE_CUTS, across_provinces, percent, pooling_area
from mulaid.refusal import Refusal
from mulaid.settlement import crediting
from mulaid.web import drawing, forms
from mulaid.web.citizen.bind import keep
from mulaid.web.citizen.relatives import ME, SQL, Relative, family, one
from mulaid.web.reading import Outcome, act, alone, now, reading, see_other
from mulaid.web.visitor import Visitor
from mulaid.web.words import BASES, STATUSES, region

MONTHS = 12
REFERRAL, OTHER = "referral", "other"
REVIEW, PROOF = "remote_filing_review", "filing_papers"
PLACES = {
    "filing_papers_needed": "promise", "filing_no_promise": "promise", "filing_after_discharge": "discharged",
    "filing_bad_day": "since", "filing_same_area": "region", "filing_filed_already": "region", "filing_reason_needed": "reason",
}  # fmt: skip
"""Beside which field a refusal is told."""


class Away(forms.Form):
    """Care away from home that is to be filed."""

    reason = forms.text(
        "为什么去、住在哪里", wrong="请写一下原因和去的地方", most=LONGEST_REASON, placeholder="例如：去南京女儿家长住"
    )
    reason.widget = django_forms.Textarea(attrs={**reason.widget.attrs, "rows": 2})
    promise = django_forms.BooleanField(required=False)
    since = django_forms.DateField(
        label="已经住院的，哪天住进去的",
        required=False,
        widget=django_forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d"),
        error_messages={"invalid": "请填写日期，例如 2026-12-31"},
    )
    discharged = django_forms.BooleanField(label="已经出院，并且自己付了钱", required=False)

    def __init__(self, pack: Pack, places: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        papers = "、".join(KINDS[kind] for kind in NEEDS_PAPERS)
        own = {
            "kind": forms.choice("哪一种", KINDS.items(), wrong="请选一种", help_text=f"{papers}要交证明材料，其他的不用。"),
            "region": forms.pick("去哪里", [("", "请选择"), *places], wrong="请选去哪里"),
        }
        self.fields = {**own, **self.fields}
        self.fields["promise"].label = f"材料不在手边：我承诺情况属实，{pack['remote_promise_months']} 个月内补交"
        self.fields["promise"].help_text = f"只有{KINDS[LONG_TERM]}可以先承诺。"

    @property
    def late_open(self) -> bool:
        """Whether something is said about a stay that has begun."""
        return any(bound.value() or bound.errors for bound in (self["since"], self["discharged"]))

    def clean_reason(self) -> str:
        """One line, as the desk reads it."""
        return " ".join(self.cleaned_data["reason"].split())

    def proves(self, *, pictures: bool) -> bool:
        """Whether papers are to prove it, which the desk looks at first. Who promises them and gives them has given them."""
        return self.cleaned_data["kind"] in NEEDS_PAPERS and (pictures or not self.cleaned_data["promise"])

    def file(self, tx: Tx, who: Relative, visitor: Visitor, about: UUID, *, proves: bool) -> None:
        """File it at once, or ask the desk to on the papers given for `about`."""
        found = self.cleaned_data
        late = {"care_since": found["since"], "discharged": found["discharged"]}
        if proves:
            casework.file_care(tx, who.ref, visitor.ref, about, found["kind"], found["region"], found["reason"], **late)
            return
        filings.file(
            tx, library(), who.ref, found["kind"], found["region"], found["reason"], promise=found["promise"], **late
        )  # fmt: skip


def insured(request: HttpRequest) -> HttpResponse:
    """How the visitor is insured, from which day what serves and why, and what the last months brought."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        today = business_date(tx.at)
        month = month_of(today)
        stretch = newest(tx, visitor.ref, today)
        benefits = standing.benefits_from(tx, visitor.ref)
        waits = [lines for ends, lines in standing.waits_told(tx, library(), visitor.ref) if ends > today]
        credited = crediting.credits_of(tx, visitor.ref, months_later(month, 1 - MONTHS), month)
    rules = reference()
    told = {
        "me": stretch, "base": BASES.get(stretch.base, "") if stretch else "",
        "status": STATUSES[stretch.status] if stretch else "", "over": _over(stretch, today), "today": today,
        "benefits": benefits,
        "waits": [{"lines": lines} for lines in waits],
        "credited": [
            {**row, "purse": chart.PURSE_NAMES[row["kind"]], "rule": rules[row["parameter"]].zh} for row in reversed(credited)
        ],
    }  # fmt: skip
    return render(request, "citizen/insured.html", told)


def _over(stretch: Enrolment | None, today: date) -> bool:
    return stretch is not None and stretch.valid_to is not None and stretch.valid_to < today


def care(request: HttpRequest) -> HttpResponse:
    """Care away from home, the visitor's or of a relative who lets the visitor read; a post files, hands in papers, or ends."""
    visitor: Visitor = request.visitor
    with reading(visitor.actor) as tx:
        people = family(tx, visitor)
        who = one(tx, visitor, request.POST.get("who") or request.GET.get("who", ME))
        today = business_date(tx.at)
        pack = library().in_force(who.region or NATION, today)
    told: dict[str, Any] = {"people": people, "who": who, "refusal": None, "today": today, "done": request.GET.get("done", "")}
    try:
        # That a relative looked is written down, so this reading is a transaction.
        found, certified, asked = alone(lambda tx: _filed(tx, visitor, who), by=visitor.actor)
    except Refusal as no:
        return render(request, "citizen/care.html", {**told, "refusal": no}, status=403 if request.method == "POST" else 200)
    standing_now = {refs.show(refs.RELATION, one.id): one for one in found if one.stands(today)}
    pressed = request.POST.get("do", "")
    form = Away(pack, _provinces(pack, who), request.POST if pressed == "file" else None)
    if request.method == "POST":
        answer = _press(request, visitor, who, form, standing_now)
        if isinstance(answer, HttpResponse):
            return answer
        if answer is not None:
            form.refuse(answer, **PLACES if pressed == "file" else {})
    told |= {
        "form": form, "pack": pack, "insured": who.status == "normal", "terms": _terms(pack), "weak": _weak(pack),
        "standing": [(key, one, KINDS[one.kind], region(one.region)) for key, one in standing_now.items()],
        "past": [(one, KINDS[one.kind], region(one.region)) for one in found if not one.stands(today)],
        "certified": [_disease(pack, one, name) for one, name in certified if _holds(one, today)],
        "listed": [says for word, says in DISEASES.items() if word in pack["chronic_cross_province_list"]],
        "asked": [(one, STATES[one.state]) for one in asked],
        "proving": any(one.title == matter(PROOF).title for one in asked),
        "elsewhere": where("file_remote", who.region or NATION),
    }  # fmt: skip
    return render(request, "citizen/care.html", told, status=422 if form.errors or form.trouble else 200)


def _filed(tx: Tx, visitor: Visitor, who: Relative) -> tuple[list[Filing], list[tuple[Certificate, str]], list[casework.Brief]]:
    """What is filed and certified, and what the visitor asked the desk to look at for this person."""
    bonds.see_to_care(tx, who.ref, visitor.ref)
    names: dict[str, str] = {}
    certified = filings.certificates(tx, who.ref)
    for found in certified:
        row = tx.one(SQL.disease, code=found.disease)
        names[found.disease] = row["name"] if row else ""
    titles = {matter(name).title for name in (REVIEW, PROOF)}
    theirs = {one.id for one in casework.open_about(tx, who.ref, who.region)} if who.region else set()
    asked = [one for one in casework.mine(tx, visitor.ref) if one.id in theirs and one.title in titles]
    return filings.filings(tx, who.ref), [(found, names[found.disease]) for found in certified], asked


def _press(
    request: HttpRequest, visitor: Visitor, who: Relative, form: Away, standing_now: dict[str, Filing]
) -> HttpResponse | Outcome | None:
    """The button that was pressed; nothing when the page has to be shown again."""
    pressed = request.POST.get("do", "")
    chosen = standing_now.get(request.POST.get("filing", ""))
    if pressed not in ("file", "papers", "end") or (chosen is None and pressed != "file"):
        raise Http404
    if pressed == "file" and not form.checked():
        return None
    # Pictures are about the filing they prove; one that is yet to be made has a number of its own.
    about = chosen.id if chosen else refs.mint(who.ref.book, now())
    pictures = _pictures(request)
    proves = pressed == "papers" or (pressed == "file" and form.proves(pictures=bool(pictures)))
    if proves:
        kind = chosen.kind if chosen else form.cleaned_data["kind"]
        for file in pictures:
            trouble = keep(visitor, about, REFERRAL if kind == REFERRAL else OTHER, who.ref, file)
            if trouble is not None:
                return trouble

    def work(tx: Tx) -> None:
        if pressed == "file":
            form.file(tx, who, visitor, about, proves=proves)
        elif pressed == "papers":
            casework.prove_care(tx, who.ref, visitor.ref, about)
        else:
            filings.end(tx, who.ref, about)

    outcome = act(request, work)
    if not outcome.done:
        return outcome
    return see_other(f"/care?who={who.key}&done={'review' if proves else pressed}")


def _pictures(request: HttpRequest) -> list[Any]:
    found = request.FILES.getlist("paper")
    if not found and "sample" in request.POST and settings.MULAID.profile == "demo":
        found = [drawing.sample_picture()]
    return list(found)


def _provinces(pack: Pack, who: Relative) -> list[tuple[str, str]]:
    """Where one can go: every other province, and one's own where care in its other areas has to be filed too."""
    own = who.region[:2]
    within = pack["intra_province_filing_required"] and own and len(pooling_area(who.region)) > 2
    sheets = library().sheets
    found = [(code, sheets[code].name) for code in sorted(sheets) if code.endswith("0000") and code != NATION]
    others = [(code, name) for code, name in found if code[:2] != own]
    return [*((code, f"{name}其他城市") for code, name in found if code[:2] == own and within), *others]


def _terms(pack: Pack) -> list[tuple[str, str, str]]:
    """What each kind is worth and how long it holds, by the rules in force where the person is insured; and without any."""
    months = pack["remote_temporary_filing_months"]
    told = []
    for kind, says in {**KINDS, "unfiled": "没有备案"}.items():
        cut = pack[REMOTE_CUTS[kind]]
        if cut is None:
            worth = "医院里医保基金不直接付，要自己先付"
        else:
            worth = f"少报 {percent(cut)} 个百分点" if cut else "和在参保地一样报"
        lasts = "" if kind == "unfiled" else "一直有效，直到您改" if kind == LONG_TERM else f"{months} 个月内有效，可以去多次"
        told.append((says, worth, lasts))
    return told


def _weak(pack: Pack) -> bool:
    """Whether any of those rules rests on weak sources."""
    return any(pack.values[name].confidence == "low" for name in REMOTE_CUTS.values())


def _holds(found: Certificate, today: date) -> bool:
    return found.valid_to is None or found.valid_to >= today


def _disease(pack: Pack, found: Certificate, name: str) -> dict[str, Any]:
    word = across_provinces(pack, found.disease)
    says = DISEASES.get(word, "") or name or f"病种 {found.disease}"
    return {"says": says, "across": bool(word), "found": found}
