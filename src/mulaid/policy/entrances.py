"""By which ways a person may enter a region's resident scheme, and with which papers (rule: resident_entrances)."""

from __future__ import annotations

from collections.abc import Collection

from mulaid.policy.pack import Pack
from mulaid.policy.parameters import Entrance

PAPERS = {
    "household_register": "户口簿", "residence_permit": "居住证", "registration_receipt": "居住登记回执",
    "territory_permit": "港澳台居民居住证", "permanent_residence_card": "外国人永久居留身份证", "student_record": "学籍证明",
    "birth_certificate": "出生医学证明", "parent_residence_permit": "父母一方的居住证",
}  # fmt: skip


def entrances(pack: Pack, holds: Collection[str], age: int) -> list[Entrance]:
    """The ways open to somebody of an age who holds these (words of HOLDINGS); none where the region has no way for them."""
    ways: tuple[Entrance, ...] = pack["resident_entrances"]
    return [way for way in ways if age < way.below_age and way.holds & set(holds)]


def papers(way: Entrance) -> list[str]:
    """The papers of a way by their names."""
    return [PAPERS[paper] for paper in sorted(way.needs)]
