"""What the law needs to know about one bill, as plain values; what was known is stored with the decision and replays it.

All amounts are fen. Moments are Shanghai texts `yyyy-mm-ddThh:mm:ss…`, which sort as they happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

SELF = "self"
REMOTE = ("long_term", "referral", "emergency", "other", "unfiled")
PAPERS_OWED = "papers_owed"
"""Care at home by somebody who filed a long stay elsewhere on a promise, while the papers have not come."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Bill lines of one tag added up. `tag` is empty for ordinary care, else a word of docs/packs.md 4.3 or `vaccine:NAME`."""

    tag: str
    in_policy: int
    upfront: int
    over_limit: int
    self_funded: int

    @property
    def total(self) -> int:
        """What these lines cost."""
        return self.in_policy + self.upfront + self.over_limit + self.self_funded


@dataclass(frozen=True, slots=True)
class Patient:
    """The insured person who was treated, as enrolled on the day of care."""

    region: str
    base: str
    status: str
    born: date
    retired_on: date | None = None
    family_doctor: bool = False

    @property
    def employee(self) -> bool:
        """Whether the person is in the employee scheme, the only one with a personal account."""
        return self.base != "resident"


@dataclass(frozen=True, slots=True)
class Year:
    """What the patient's insured year had seen before this bill."""

    in_policy: int = 0
    fund: int = 0
    supplement: int = 0
    deductible: int = 0
    deducted_here_today: bool = False


@dataclass(frozen=True, slots=True)
class Giver:
    """One authorisation by which a relative's account may pay for the patient, and what that account holds.

    `month_left`, `year_left` and `day_left` are what the limits of those spans still allow, `keep` the reserve the giver set.
    """

    aid: str
    person: str
    shown: str
    relation: str
    region: str
    status: str
    filed: str
    bound: str
    account: int
    current_year: int = 0
    frozen: int = 0
    suspended_since_bound: str | None = None
    quota_left: int | None = None
    settlement_cap: int | None = None
    rank: int | None = None
    uses: frozenset[str] = frozenset({"outpatient", "pharmacy", "inpatient"})
    group: str | None = None
    until: str | None = None
    chosen: bool = False
    month_left: int | None = None
    year_left: int | None = None
    day_left: int | None = None
    keep: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Wallet:
    """A quota that a relative in another area froze for the patient. `grant` names it, `left` is what it still holds.

    With the relation `self` it is money that was moved into the patient's own wallet while wallets still held money.
    """

    grant: str
    person: str
    shown: str
    relation: str
    region: str
    left: int
    bound: str
    uses: frozenset[str] = frozenset({"outpatient", "pharmacy", "inpatient"})
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a decision rests on besides the packs in force.

    `household` is what the patient may draw from the family's pool now, `household_head` its head's masked name; `frozen` the
    part of the own account that is frozen for others. `remote` is how care away from home was filed: empty at home, else a word
    of REMOTE, or PAPERS_OWED. `disease` is the chronic or special disease this visit is for, if the person is certified for it;
    then `other_province` tells that the place of care lies in another one.

    Of the insured year before this bill: `admissions`, their `inpatient_in_policy` and `inpatient_fund`; `self_paid`, the
    in-catalogue burden of every bill after the pooled fund and its supplement but before serious-illness money; `serious`, that
    money; `disease_deductible` and `disease_fund` of visits for the disease. `reward` is what unbroken enrolment adds to the
    serious-illness cap. A stay in hospital may be billed in parts: `stay_in_policy` is what its earlier bills counted; then
    `year.deducted_here_today` is true and `admissions` counts the stay itself. `card_used` is what was spent today by the
    printed card that this bill is paid with, None without one.
    """

    on: date
    use: str
    level: str
    patient: Patient
    portions: tuple[Portion, ...]
    account: int
    current_year: int
    givers: tuple[Giver, ...] = ()
    year: Year = Year()
    use_accounts: bool = True
    household: int = 0
    household_head: str = ""
    wallets: tuple[Wallet, ...] = ()
    frozen: int = 0
    admissions: int = 0
    inpatient_in_policy: int = 0
    inpatient_fund: int = 0
    self_paid: int = 0
    serious: int = 0
    remote: str = ""
    disease: str = ""
    other_province: bool = False
    disease_deductible: int = 0
    disease_fund: int = 0
    stay_in_policy: int = 0
    reward: int = 0
    card_used: int | None = None

    @property
    def total(self) -> int:
        """The bill."""
        return sum(portion.total for portion in self.portions)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON types, members without a value left out; `read` turns them back into the same facts."""
        patient, year = self.patient, self.year
        body: dict[str, Any] = {
            "on": self.on.isoformat(),
            "use": self.use,
            "level": self.level,
            "use_accounts": self.use_accounts,
            "patient": {
                "region": patient.region,
                "base": patient.base,
                "status": patient.status,
                "born": patient.born.isoformat(),
                "retired_on": patient.retired_on.isoformat() if patient.retired_on else None,
                "family_doctor": patient.family_doctor,
            },
            "portions": [
                {
                    "tag": portion.tag,
                    "in_policy": portion.in_policy,
                    "upfront": portion.upfront,
                    "over_limit": portion.over_limit,
                    "self_funded": portion.self_funded,
                }
                for portion in self.portions
            ],
            "account": self.account,
            "current_year": self.current_year,
            "givers": [_giver_row(giver) for giver in self.givers],
            "year": {
                "in_policy": year.in_policy,
                "fund": year.fund,
                "supplement": year.supplement,
                "deductible": year.deductible,
                "deducted_here_today": year.deducted_here_today,
            },
        }
        for name, default in _SELDOM_OF_FACTS:
            value = getattr(self, name)
            if value != default:
                body[name] = value
        if self.wallets:
            body["wallets"] = [_wallet_row(wallet) for wallet in self.wallets]
        return body


def _giver_row(giver: Giver) -> dict[str, Any]:
    row: dict[str, Any] = {
        "aid": giver.aid,
        "person": giver.person,
        "shown": giver.shown,
        "relation": giver.relation,
        "region": giver.region,
        "status": giver.status,
        "filed": giver.filed,
        "bound": giver.bound,
        "account": giver.account,
        "uses": sorted(giver.uses),
    }
    for name, default in _SELDOM:
        value = getattr(giver, name)
        if value != default:
            row[name] = value
    return row


_SELDOM: tuple[tuple[str, Any], ...] = (
    ("current_year", 0),
    ("frozen", 0),
    ("suspended_since_bound", None),
    ("quota_left", None),
    ("settlement_cap", None),
    ("rank", None),
    ("group", None),
    ("until", None),
    ("chosen", False),
    ("month_left", None),
    ("year_left", None),
    ("day_left", None),
    ("keep", 0),
    ("paused", False),
)
_SELDOM_OF_FACTS: tuple[tuple[str, Any], ...] = (
    ("household", 0),
    ("household_head", ""),
    ("frozen", 0),
    ("admissions", 0),
    ("inpatient_in_policy", 0),
    ("inpatient_fund", 0),
    ("self_paid", 0),
    ("serious", 0),
    ("remote", ""),
    ("disease", ""),
    ("other_province", False),
    ("disease_deductible", 0),
    ("disease_fund", 0),
    ("stay_in_policy", 0),
    ("reward", 0),
    ("card_used", None),
)


def _wallet_row(wallet: Wallet) -> dict[str, Any]:
    row: dict[str, Any] = {
        "grant": wallet.grant,
        "person": wallet.person,
        "shown": wallet.shown,
        "relation": wallet.relation,
        "region": wallet.region,
        "left": wallet.left,
        "bound": wallet.bound,
        "uses": sorted(wallet.uses),
    }
    if wallet.until is not None:
        row["until"] = wallet.until
    return row


def read(body: Mapping[str, Any]) -> Facts:
    """Facts from their stored or gathered JSON."""
    patient = body["patient"]
    return Facts(
        on=date.fromisoformat(body["on"]),
        use=body["use"],
        level=body["level"],
        patient=Patient(
            region=patient["region"],
            base=patient["base"],
            status=patient["status"],
            born=date.fromisoformat(patient["born"]),
            retired_on=date.fromisoformat(patient["retired_on"]) if patient.get("retired_on") else None,
            family_doctor=patient.get("family_doctor", False),
        ),
        portions=tuple(
            Portion(row["tag"], row["in_policy"], row["upfront"], row["over_limit"], row["self_funded"])
            for row in body["portions"]
        ),
        account=body["account"],
        current_year=body["current_year"],
        givers=tuple(Giver(**{**row, "uses": frozenset(row["uses"])}) for row in body["givers"]),
        year=Year(**body["year"]),
        use_accounts=body["use_accounts"],
        wallets=tuple(Wallet(**{**row, "uses": frozenset(row["uses"])}) for row in body.get("wallets", ())),
        **{name: body[name] for name, _ in _SELDOM_OF_FACTS if name in body},
    )
