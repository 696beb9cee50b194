"""The same law over many bills, with today's packs and with changed ones: what a new value would mean before it is in force.

No rule is written twice: every bill is decided by `split.decide`, once with each library. Bills are read one by one, not kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from mulaid.money import Fen, yuan
from mulaid.policy.facts import Facts, read
from mulaid.policy.pack import Library
from mulaid.policy.split import decide, packs_for
from mulaid.refusal import Refusal

PAYERS = ("pool", "supplement", "serious", "current_year", "account", "household", "aid", "wallet", "cash")
STEP = 10_000


@dataclass(slots=True)
class Sums:
    """What came of a run. Amounts are fen by payer; people are counted by who they are, bills without a name by bill."""

    bills: int = 0
    not_known: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    people: int = 0
    better: int = 0
    worse: int = 0
    most_saved: Fen = 0
    most_lost: Fen = 0

    def as_json(self) -> dict[str, object]:
        """Plain JSON types, every payer named."""
        return {
            "bills": self.bills,
            "not_known": self.not_known,
            "changed": self.changed,
            "people": self.people,
            "better": self.better,
            "worse": self.worse,
            "most_saved": self.most_saved,
            "most_lost": self.most_lost,
            "before": {name: self.before[name] for name in PAYERS},
            "after": {name: self.after[name] for name in PAYERS},
        }


def simulate(
    bills: Iterable[tuple[str, Facts]], now: Library, changed: Library, progress: Callable[[int], None] = lambda bills: None
) -> Sums:
    """Each bill (whose it is, its facts) by both libraries. A bill for which either knows no value is counted, not decided.

    Somebody is better off whose cash over all bills falls, worse off whose cash rises; a person is one of the names given.
    """
    sums, cash = Sums(), Counter[str]()
    touched: set[str] = set()
    for place, (person, facts) in enumerate(bills, 1):
        try:
            before, after = decide(packs_for(now, facts), facts), decide(packs_for(changed, facts), facts)
        except Refusal as refusal:
            if refusal.code not in ("policy.not_known", "policy.no_rule"):
                raise
            sums.not_known += 1
            continue
        sums.bills += 1
        one, other = before.parts, after.parts
        sums.before.update(one)
        sums.after.update(other)
        if one != other:
            sums.changed += 1
            who = person or f"bill {place}"
            touched.add(who)
            cash[who] += after.cash - before.cash
        if not place % STEP:
            progress(place)
    sums.people = len(touched)
    sums.better, sums.worse = sum(fen < 0 for fen in cash.values()), sum(fen > 0 for fen in cash.values())
    sums.most_saved, sums.most_lost = max(0, -min(cash.values(), default=0)), max(0, max(cash.values(), default=0))
    return sums


class BillTrouble(Exception):
    """A file of bills cannot be read; the message names the line. For policy staff, in English."""


def read_bills(lines: Iterable[str]) -> Iterator[tuple[str, Facts]]:
    """Bills from JSON lines `{"person": …, "facts": …}`, facts as they are stored with a decision; raises BillTrouble."""
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield str(row.get("person", "")), read(row["facts"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BillTrouble(
                f"line {place}: {type(error).__name__} {error}: expected a person and the facts of a bill"
            ) from None


def told(sums: Sums) -> Iterator[str]:
    """The result as lines for a terminal, amounts in yuan with what changed."""
    yield f"{sums.bills} bills decided twice, {sums.changed} come out otherwise, {sums.not_known} have no known value"
    yield f"{sums.people} people affected: {sums.better} pay less cash, {sums.worse} pay more"
    yield f"most for one person: {yuan(sums.most_saved)} saved, {yuan(sums.most_lost)} lost"
    for name in PAYERS:
        before, after = sums.before[name], sums.after[name]
        if before or after:
            yield f"  {name:<14}{yuan(before):>18}{yuan(after):>18}{yuan(after - before):>18}"
