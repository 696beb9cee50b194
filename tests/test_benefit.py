"""Kinds of care the packs do not all have values for yet, told over packs made for the purpose; and every sentence of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mulaid.policy.benefit import Step
from mulaid.policy.explain import explain
from mulaid.policy.facts import SELF, Facts, Giver, Patient, Portion, Wallet, Year
from mulaid.policy.pack import Pack, Value, library, seal
from mulaid.policy.parameters import PARAMETERS
from mulaid.policy.split import Decision, added, decide
from mulaid.settlement.whose import payers

ON = date(2026, 3, 10)
HOME = "420100"


def made(**values: Any) -> dict[str, Pack]:
    """Wuhan's pack with other values, plain as in a pack.toml with numbers as text."""
    pack = library().in_force(HOME, ON)
    new = {name: Value(PARAMETERS[name].parse(value), value, "2026-01-01", HOME, "试", "high") for name, value in values.items()}
    return {HOME: seal(replace(pack, values={**pack.values, **new}))}


def bill(in_policy: int, *, personal: int = 0, **more: Any) -> Facts:
    patient = Patient(HOME, more.pop("base", "active"), more.pop("status", "normal"), date(1970, 1, 1))
    plain = Facts(
        ON, more.pop("use", "outpatient"), more.pop("level", "L3"), patient, (Portion("", in_policy, personal, 0, 0),), 0, 0
    )
    return replace(plain, **more)


def giver(aid: str, account: int, **more: Any) -> Giver:
    return Giver(
        aid, f"p{aid}", "张*", "parent", HOME, "normal", f"2025-01-{aid}T00:00:00", f"2025-01-{aid}T00:00:00", account, **more
    )


def sentences(packs: dict[str, Pack], decision: Decision) -> str:
    lines = explain(packs, [Step(*step.as_json()) for step in decision.steps])
    assert all(line.source and line.rule_name for line in lines if line.rule)
    return "\n".join(line.text for line in lines)


# Chronic and special diseases

CHRONIC = {
    "chronic_ratio": {"active": {"L3": "0.70", "L1": "0.80"}},
    "chronic_deductible": {"active": "300"},
    "chronic_cap": {"active": "2000"},
}


def test_a_chronic_disease_has_its_own_deductible_share_and_cap() -> None:
    packs = made(**CHRONIC)
    first = decide(packs, bill(100_000, disease="diabetes"))
    assert (first.deductible, first.pool, first.cash) == (30_000, 49_000, 51_000), "(1,000 - 300) x 70 %"
    sums = added(first)
    assert (sums.disease_deductible, sums.disease_fund, sums.in_policy, sums.fund, sums.deductible) == (30_000, 49_000, 0, 0, 0)
    second = decide(packs, bill(100_000, disease="diabetes", disease_deductible=30_000, disease_fund=150_000))
    assert (second.deductible, second.pool) == (0, 50_000), "70,000 by formula, 200,000 - 150,000 left"
    told = sentences(packs, second)
    assert "按门诊慢特病，医保统筹基金付 500.00 元：起付线以上 1000.00 元，三级医院支付比例 70%" in told.replace(
        "三级机构", "三级医院"
    )
    assert "全年最多付 2000.00 元，此前已付 1500.00 元，所以有 200.00 元付不了" in told


def test_a_disease_off_the_list_is_ordinary_care_in_another_province_and_says_so() -> None:
    packs = made(**CHRONIC)
    at_home = decide(packs, bill(100_000, disease="M06700"))
    away = decide(packs, bill(100_000, disease="M06700", other_province=True))
    listed = decide(packs, bill(100_000, disease="M03900", other_province=True))
    assert (at_home.pool, away.pool, listed.pool) == (49_000, 55_000, 49_000)
    assert (added(away).fund, added(away).disease_fund) == (55_000, 0)
    assert "还不能跨省按慢特病直接结算，这次按普通门诊算" in sentences(packs, away)
    assert "跨省" not in sentences(packs, listed) + sentences(packs, at_home)


def test_without_a_ratio_or_a_disease_a_visit_is_ordinary_care() -> None:
    packs = made(**CHRONIC)
    ordinary = decide(packs, bill(100_000))
    assert ordinary.pool == 55_000
    assert decide(packs, bill(100_000, disease="diabetes", base="retired")).benefit == "outpatient", "no row for the class"
    assert decide(packs, bill(100_000, disease="diabetes", level="pharmacy", use="pharmacy")).benefit == "outpatient"


# Stays in hospital

STAYS = {
    "inpatient_deductible": {"active": {"L1": "200", "L3": {"first": "800", "second": "600", "later": "400"}}},
    "inpatient_ratio_bands": [
        {"from": "0", "active": {"L1": "0.90", "L3": "0.80"}},
        {"from": "10000", "active": {"L1": "0.95", "L3": "0.90"}},
    ],
}


@pytest.mark.parametrize(("admissions", "due"), [(0, 80_000), (1, 60_000), (2, 40_000), (9, 40_000)])
def test_the_deductible_falls_with_each_admission(admissions: int, due: int) -> None:
    decision = decide(made(**STAYS), bill(500_000, use="inpatient", admissions=admissions))
    assert decision.deductible == due
    assert decision.pool == (500_000 - due) * 80 // 100
    assert added(decision).admissions == 1
    assert f"本年第 {admissions + 1} 次住院" in sentences(made(**STAYS), decision)


def test_a_level_without_a_number_of_admission_has_one_sum() -> None:
    assert decide(made(**STAYS), bill(100_000, use="inpatient", level="primary", admissions=3)).deductible == 20_000


def test_a_stay_billed_in_parts_is_paid_as_one() -> None:
    packs = made(**STAYS)
    whole = decide(packs, bill(1_500_000, use="inpatient"))
    assert whole.pool == 920_000 * 80 // 100 + 500_000 * 90 // 100
    parts, counted, sums = 0, 0, []
    for place, fen in enumerate((50_000, 450_000, 700_000, 300_000)):
        further = Year(deducted_here_today=place > 0)
        decision = decide(packs, bill(fen, use="inpatient", year=further, stay_in_policy=counted, admissions=int(place > 0)))
        parts, counted = parts + decision.pool, counted + fen
        sums.append(added(decision).admissions)
    assert parts == whole.pool
    assert sums == [1, 0, 0, 0], "one stay, however many bills"


def test_bands_of_the_year_go_on_where_the_year_is() -> None:
    packs = made(**STAYS, inpatient_tier_basis="year_sum")
    decision = decide(packs, bill(100_000, use="inpatient", admissions=1, inpatient_in_policy=2_000_000))
    assert decision.pool == 40_000 * 90 // 100


def test_the_yearly_cap_of_stays_is_their_own() -> None:
    packs = made(**STAYS, inpatient_cap={"active": "5000"})
    decision = decide(packs, bill(500_000, use="inpatient", inpatient_fund=300_000, year=Year(fund=9_999_999)))
    assert decision.pool == 200_000
    assert "全年最多付 5000.00 元，此前已付 3000.00 元" in sentences(packs, decision)


def test_where_no_share_is_known_the_fund_pays_nothing_and_no_deductible_is_used() -> None:
    packs = made(**STAYS)
    decision = decide(packs, bill(500_000, use="inpatient", base="retired"))
    assert (decision.pool, decision.deductible, decision.burden, added(decision).admissions) == (0, 0, 0, 0)
    assert "5000.00 元医保统筹基金不付" in sentences(packs, decision)


# Serious illness

SERIOUS = {
    "serious_illness_start": {"active": "10000", "retired": "none"},
    "serious_illness_bands": [{"from": "0", "active": "0.60"}, {"from": "5000", "active": "0.70"}],
}


def test_serious_illness_money_over_the_year_is_the_formula_however_it_was_billed() -> None:
    packs = made(**STAYS, **SERIOUS)
    self_paid = serious = 0
    for fen in (3_000_000, 1, 4_000_000, 77_777, 5_000_000):
        decision = decide(packs, bill(fen, personal=100_000, use="inpatient", admissions=3, self_paid=self_paid, serious=serious))
        self_paid, serious = self_paid + decision.burden, serious + decision.serious
        assert decision.burden == fen + 100_000 - decision.pool, "what class B leaves to the person is in the catalogue"
    over = self_paid - 1_000_000
    assert over > 500_000
    assert abs(serious - (300_000 + (over - 500_000) * 70 / 100)) <= 1


def test_after_a_refund_nothing_is_paid_twice() -> None:
    packs = made(**STAYS, **SERIOUS)
    # 9,000 borne, then a bill that passed the start and got money, then the first is refunded: the year is back below the start.
    later = decide(packs, bill(500_000, use="inpatient", admissions=1, self_paid=900_000))
    assert later.serious == (900_000 + later.burden - 1_000_000) * 60 // 100
    again = decide(packs, bill(500_000, use="inpatient", admissions=1, self_paid=later.burden, serious=later.serious))
    assert again.serious == 0
    more = decide(packs, bill(500_000, use="inpatient", admissions=1, self_paid=1_000_000, serious=later.serious))
    assert more.serious == more.burden * 60 // 100 - later.serious
    assert f"减去此前已付的 {later.serious // 100}.{later.serious % 100:02d} 元" in sentences(packs, more)


def test_the_cap_of_serious_illness_grows_with_the_reward() -> None:
    packs = made(**STAYS, **SERIOUS, serious_illness_cap={"active": "500"})
    facts = bill(900_000, use="inpatient", admissions=3, self_paid=2_000_000, serious=10_000)
    assert decide(packs, facts).serious == 40_000
    assert decide(packs, replace(facts, reward=100_000)).serious == 140_000


def test_serious_illness_asks_class_use_and_status() -> None:
    packs = made(**STAYS, **SERIOUS)
    much = {"self_paid": 5_000_000}
    assert decide(packs, bill(100_000, **much)).serious > 0
    assert decide(packs, bill(100_000, base="retired", **much)).serious == 0
    assert decide(packs, bill(100_000, status="suspended", **much)).serious == 0
    assert decide(packs, bill(100_000, status="suspended", **much)).burden == 0


def test_what_no_account_may_pay_is_cash_even_beside_serious_illness_money() -> None:
    packs = made(**STAYS, **SERIOUS)
    facts = replace(
        bill(100_000, self_paid=50_000_000, serious=0),
        portions=(Portion("", 100_000, 0, 0, 0), Portion("cosmetic", 0, 0, 0, 7_000)),
        account=10**9,
    )
    decision = decide(packs, facts)
    assert decision.serious == 45_000, "all that the pool left"
    assert (decision.account, decision.cash) == (0, 7_000)


# Care elsewhere


@pytest.mark.parametrize(
    ("filed", "pool"), [("long_term", 55_000), ("referral", 45_000), ("emergency", 45_000), ("other", 35_000)]
)
def test_points_come_off_outpatient_care_too(filed: str, pool: int) -> None:
    packs = made()
    decision = decide(packs, bill(100_000, remote=filed))
    assert decision.pool == pool
    told = sentences(packs, decision)
    assert ("支付比例降低" in told) == (pool < 55_000)


def test_no_share_falls_below_nothing() -> None:
    packs = made(**{**STAYS, "inpatient_ratio_bands": [{"from": "0", "active": "0.05"}]})
    assert decide(packs, bill(500_000, use="inpatient", remote="other")).pool == 0


def test_unfiled_care_is_not_paid_at_the_counter_but_own_money_is_good() -> None:
    packs = made(**STAYS)
    decision = decide(packs, bill(500_000, use="inpatient", remote="unfiled", account=20_000, admissions=1))
    assert (decision.funds, decision.account, decision.cash) == (0, 20_000, 480_000)
    assert added(decision) == added(replace(decision, burden=0)), "nothing of it counts"
    assert "出院结账前补办备案，仍可直接结算" in sentences(packs, decision)


# Order, frozen money, limits


def test_wallets_may_come_before_relations() -> None:
    quota = Wallet("w1", "p9", "李*", "parent", "310000", 6_000, "2026-02-01T00:00:00")
    facts = bill(0, personal=10_000, givers=(giver("01", 7_000),), wallets=(quota,))
    after, before = decide(made(), facts), decide(made(wallet_order="before_relations"), facts)
    assert (after.aid_total, after.wallet_total) == (7_000, 3_000)
    assert (before.aid_total, before.wallet_total) == (4_000, 6_000)
    assert "在医保钱包里给就医人的额度 30.00 元，额度还剩 30.00 元" in sentences(made(), after)


def test_what_is_in_ones_own_wallet_is_ones_own() -> None:
    mine = Wallet("own", "p0", "", SELF, HOME, 3_000, "")
    quota = Wallet("w1", "p9", "李*", "parent", "310000", 6_000, "2026-02-01T00:00:00")
    decision = decide(made(), bill(0, personal=10_000, wallets=(quota, mine)))
    assert [(wallet.grant, fen) for wallet, fen in decision.wallets] == [("own", 3_000), ("w1", 6_000)]
    told = sentences(made(), decision)
    assert "扣就医人自己医保钱包里的 30.00 元" in told
    assert [(payer.kind, payer.fen) for payer in payers(decision.parts, decision.steps)] == [
        ("own", 3_000), ("family", 6_000), ("cash", 1_000),
    ]  # fmt: skip
    suspended = decide(made(), bill(0, personal=10_000, status="suspended", wallets=(quota, mine)))
    assert [(wallet.grant, fen) for wallet, fen in suspended.wallets] == [("own", 3_000)]
    strict = made(suspended_owner_can_spend_own=False)
    none = decide(strict, bill(0, personal=10_000, status="suspended", wallets=(mine,)))
    assert none.wallets == ()
    assert "没有扣就医人自己医保钱包里的钱" in sentences(strict, none)


def test_relatives_first_where_the_region_says_so() -> None:
    packs = made(own_account_first=False, mutual_aid_mode="pool")
    decision = decide(packs, bill(0, personal=10_000, account=50_000, household=4_000, household_head="陈*"))
    assert (decision.household, decision.account) == (4_000, 6_000)
    assert "扣家庭共济账户（户主陈*） 40.00 元，扣后还能用 0.00 元" in sentences(packs, decision)


def test_a_pool_is_drawn_only_where_the_region_pools() -> None:
    decision = decide(made(), bill(0, personal=10_000, household=4_000))
    assert (decision.household, decision.cash) == (0, 10_000)
    assert "没有扣家庭共济账户的钱：就医人的参保地现在不从家庭共济账户扣钱" in sentences(made(), decision)


def test_frozen_money_is_told_and_stays() -> None:
    packs = made()
    decision = decide(packs, bill(0, personal=10_000, account=9_000, frozen=5_000))
    assert (decision.account, decision.cash) == (4_000, 6_000)
    assert "另有 50.00 元已经冻结给家人用" in sentences(packs, decision)
    none = decide(packs, bill(0, personal=10_000, account=4_000, frozen=5_000))
    assert none.account == 0
    assert "有 50.00 元冻结给了家人用" in sentences(packs, none)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"month_left": 0}, "定的本月上限已经用完"),
        ({"year_left": -5}, "定的本年上限已经用完"),
        ({"day_left": 0}, "今天能帮付的钱已经用完"),
        ({"quota_left": 0}, "给的额度已经用完"),
        ({"settlement_cap": 0}, "定的每次上限是零"),
        ({"paused": True}, "暂停了共济"),
        ({"keep": 9_000}, "没有超过自己定的留用数"),
        ({"frozen": 9_000}, "已经全部冻结给别的家人"),
    ],
)
def test_who_is_passed_over_is_told_why(limits: dict[str, Any], words: str) -> None:
    decision = decide(made(), bill(0, personal=10_000, givers=(giver("01", 8_000, **limits), giver("02", 3_000))))
    assert [(g.aid, fen) for g, fen in decision.aid] == [("02", 3_000)]
    assert words in sentences(made(), decision)


@pytest.mark.parametrize(
    ("limits", "fen", "words"),
    [
        ({"month_left": 500}, 500, "到了本月上限"),
        ({"year_left": 400}, 400, "到了本年上限"),
        ({"day_left": 300}, 300, "到了每天上限"),
        ({"keep": 7_800}, 200, "其余是这位家人留给自己的"),
        ({"month_left": 500, "quota_left": 100}, 100, "额度用完"),
    ],
)
def test_the_tightest_limit_is_the_one_told(limits: dict[str, Any], fen: int, words: str) -> None:
    decision = decide(made(), bill(0, personal=10_000, givers=(giver("01", 8_000, **limits),)))
    assert decision.aid_total == fen
    assert words in sentences(made(), decision)


def test_a_region_may_limit_every_giver_a_day() -> None:
    packs = made(daily_mutual_aid_limit="20")
    assert decide(packs, bill(0, personal=10_000, givers=(giver("01", 8_000),))).aid_total == 2_000
    assert decide(packs, bill(0, personal=10_000, givers=(giver("01", 8_000, day_left=700),))).aid_total == 700


def test_a_suspended_member_gets_nothing_from_pool_or_quota() -> None:
    quota = Wallet("w1", "p9", "李*", "parent", "310000", 6_000, "2026-02-01T00:00:00")
    packs = made(mutual_aid_mode="pool")
    decision = decide(packs, bill(0, personal=10_000, status="suspended", account=1_000, household=5_000, wallets=(quota,)))
    assert (decision.account, decision.mutual_aid, decision.cash) == (1_000, 0, 9_000)
    assert sentences(packs, decision).count("就医人参保暂停") >= 2


# Values that cannot be read

BAD = [
    ("inpatient_deductible", "1300", "is not a table by class, such as { active = { first"),
    ("inpatient_deductible", {"active": {"first": "1300"}}, "a deductible by admission is { first"),
    ("inpatient_deductible", {"active": {"L4": "1300"}}, "level L4 is none of"),
    ("inpatient_deductible", {"active": {"L3": {"first": "1", "third": "2", "later": "3"}}}, "a deductible by admission is"),
    ("inpatient_deductible", {"active": {"first": "-1", "later": "3"}}, "'-1' is not an amount"),
    ("inpatient_ratio_bands", {}, "expected a list of bands"),
    ("inpatient_ratio_bands", [{"from": "5", "active": "0.5"}], "the first band starts from 0"),
    ("inpatient_ratio_bands", [{"from": "0", "active": "85"}], "85 is not a ratio between 0 and 1"),
    ("inpatient_tier_basis", "month", "'month' is none of admission, year_sum"),
    ("serious_illness_start", "30404", "is not a table by class"),
    ("serious_illness_bands", [{"active": "0.5"}], "each with from"),
    ("remote_referral_cut", "10", "10 is not a ratio between 0 and 1"),
    ("remote_other_cut", "0.40", "0.40 is above 0.30"),
    ("remote_unfiled_cut", "nothing", "'nothing' is not a ratio"),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD)
def test_a_bad_value_is_refused_in_words(name: str, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as trouble:
        PARAMETERS[name].parse(value)
    assert says in str(trouble.value)
