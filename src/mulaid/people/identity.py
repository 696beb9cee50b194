"""Papers that say who somebody is: one canonical form for each, or a refusal.

The number decides what a card is, and the declared type only has to agree with it: card readers and hospital programs
report residence permits and permanent residence cards as ID cards, and one person must not be let in twice for that.
An 18-character number is therefore kept as

- 01 when it is a resident ID card number (declared as 01 or 90),
- 17 when it is a residence permit of Hong Kong, Macao or Taiwan (declared as 01, 17, 90, or its own of 04, 05, 06),
- 07 when it is a permanent residence card for foreigners, 2023 edition (declared as 01, 07 or 90).

Travel permits (04, 05, 06 of any other length), passports and the rest are upper-case ASCII letters and digits; nothing
in them can be checked, so they prove nothing by themselves, and neither does the number of a birth certificate.
Only the last X and letters of other papers may come in lower case. Nothing else is repaired: no trimming, no NFKC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from string import ascii_uppercase, digits

from mulaid.refusal import Refusal

RESIDENT = "01"
PERMANENT_RESIDENCE = "07"
RESIDENCE_PERMIT = "17"
SOCIAL_SECURITY_CARD = "90"
BIRTH_CERTIFICATE = "990201"

KINDS = {
    "01": "居民身份证",
    "02": "军官证",
    "03": "武警警官证",
    "04": "香港居民证件",
    "05": "澳门居民证件",
    "06": "台湾居民证件",
    "07": "外国人永久居留身份证",
    "08": "外国护照",
    "09": "残疾人证",
    "10": "烈属证",
    "11": "外国人就业证",
    "12": "外国专家证",
    "13": "外国记者证",
    "14": "港澳台人员就业证",
    "15": "回国专家证",
    "16": "中国护照",
    "17": "港澳台居民居住证",
    "90": "社会保障卡",
    "91": "涉密人员证件",
    "99": "其他证件",
    "990102": "贫困人员编码",
    "990201": "出生医学证明",
}
"""Code table `psn_cert_type`."""

TEST_AREA = "100000"
"""The country itself, never given to a person: made-up people have it, and live deployments refuse it."""

MALE, FEMALE = "1", "2"

_PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71", re.ASCII)
_TERRITORIES = {"810000": "04", "820000": "05", "830000": "06"}
_OLDEST_YEARS = 150
_LONGEST_NAME = 50

# Shapes: one sign a place. Spelled out, because `isdigit` and a pattern's digit class take digits of other scripts too.
_CARD = "1" + "0" * 16 + "X"
_OLD_CARD = "0" * 15
_FOREIGN_2017 = "AAA" + "0" * 12
_BIRTH_NUMBER = "A" + "0" * 9
_ALLOWED = {"1": "123456789", "0": digits, "X": digits + "X", "A": ascii_uppercase, "*": digits + ascii_uppercase}
_SHORTEST_TEXT, _LONGEST_TEXT = 4, 30

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"

# No two strings that pass look the same by normalisation: of Han only unified ideographs (twelve of them stand in the
# block of compatibility forms), of Latin only letters that are one character and stay it.
_HAN = (
    r"\u3007\u3400-\u4dbf\u4e00-\u9fff\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"
    r"\U00020000-\U0002ee5d\U00030000-\U000323af"
)
_LETTERS = rf"[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e{_HAN}]+"
_NAME = re.compile(f"{_LETTERS}(?:[· ]{_LETTERS})*")

_LONG_FAMILY_NAME = re.compile(
    "欧阳|太史|端木|上官|司马|东方|独孤|南宫|万俟|闻人|夏侯|诸葛|尉迟|公羊|赫连|澹台|皇甫|宗政|濮阳|公冶|"
    "太叔|申屠|公孙|慕容|仲孙|钟离|长孙|宇文|司徒|鲜于|司空|令狐|呼延|轩辕|百里|东郭|南门|西门|拓跋|第五"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A paper in its canonical form. Birth and gender only where the number itself tells them."""

    kind: str
    number: str = field(repr=False)
    born: date | None = field(default=None, repr=False)
    gender: str | None = field(default=None, repr=False)

    @property
    def canonical(self) -> str:
        """What a blind index is made of: equal for the same paper, however it was typed or declared."""
        return f"{self.kind}|{self.number}"


def parse_document(kind: str, number: str, on: date, allow_test_area: bool) -> Document:
    """The paper that was declared, as of a day in Shanghai; made-up people pass only with `allow_test_area`.

    Refuses with what is wrong: type, length, character, area, date of birth, birth in the future, check digit.
    """
    if kind not in KINDS:
        raise Refusal("identity.bad_kind", given=kind[:6])
    # Upper case of ASCII only: outside of it one character can become two, or turn into a plain letter.
    number = number.upper() if number.isascii() else number
    if kind == BIRTH_CERTIFICATE:
        return Document(kind, _shaped(kind, number, _BIRTH_NUMBER))
    if kind == PERMANENT_RESIDENCE and len(number) == len(_FOREIGN_2017):
        return Document(kind, _shaped(kind, number, _FOREIGN_2017))
    if kind in (RESIDENT, SOCIAL_SECURITY_CARD) and _fits(number, _OLD_CARD):
        raise Refusal("identity.old_number")
    if kind in (RESIDENT, PERMANENT_RESIDENCE, RESIDENCE_PERMIT):
        return _card(kind, number, on, allow_test_area)
    if kind in ("04", "05", "06", SOCIAL_SECURITY_CARD) and len(number) == len(_CARD):
        return _card(kind, number, on, allow_test_area)
    return Document(kind, _text(kind, number))


def check_digit(first_17: str) -> str:
    """The 18th character by MOD 11-2: every single wrong digit and every swap of unequal neighbours changes it."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True)) % 11]


def make_resident_id(area: str, born: date, serial: int) -> str:
    """A well-formed number for tests and demonstrations; odd serials (0 to 999) are men."""
    if not re.fullmatch(r"[1-9][0-9]{5}", area, re.ASCII) or not 0 <= serial <= 999:
        raise ValueError("an area of six digits and a serial from 0 to 999")
    first_17 = f"{area}{born.year:04d}{born.month:02d}{born.day:02d}{serial:03d}"
    return first_17 + check_digit(first_17)


def age_on(born: date, on: date) -> int:
    """Full years by the calendar, reached on the birthday itself; who was born on 29 February has it on 1 March else.

    Both are days in Shanghai, never moments: China had summer time, so a midnight of then falls on the day before now.
    """
    assert not isinstance(born, datetime), "a birthday is a day, not a moment"
    assert not isinstance(on, datetime), "ages are counted in days, not moments"
    assert born <= on, "nobody has an age before birth"
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def reaches(born: date, age: int) -> date:
    """The birthday on which somebody has an age: 1 March in a common year for who was born on 29 February."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)


def check_name(text: str) -> str:
    """The name unchanged: 1 to 50 Han or Latin letters, single "·" or spaces between them; refuses all else."""
    if len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        raise Refusal("identity.bad_name")
    return text


def mask_number(number: str) -> str:
    """`110105********002X`; of other papers the first two (short ones: one) and the last two characters."""
    if len(number) == 18:
        return number[:6] + "*" * 8 + number[-4:]
    if len(number) < 5:
        return number[:1] + "*" * (len(number) - 1)
    first = 2 if len(number) >= 8 else 1
    return number[:first] + "*" * (len(number) - first - 2) + number[-2:]


def mask_name(name: str) -> str:
    """`张*`, `欧阳*`, `J**`: the family name or first letter, and at most two stars, so that the length is not told."""
    if len(name) < 2:
        return "*" * len(name)
    shown = 2 if len(name) > 2 and _LONG_FAMILY_NAME.match(name) else 1
    return name[:shown] + "*" * min(len(name) - shown, 2)


def mask_phone(phone: str) -> str:
    """`138****1234`; of other numbers the last two digits, or nothing of very short ones."""
    if re.fullmatch(r"[0-9]{11}", phone, re.ASCII):
        return phone[:3] + "****" + phone[-4:]
    shown = 2 if len(phone) >= 6 else 0
    return "*" * (len(phone) - shown) + phone[len(phone) - shown :]


def _card(kind: str, number: str, on: date, allow_test_area: bool) -> Document:
    _shaped(kind, number, _CARD, lengths="15 或 18" if kind == PERMANENT_RESIDENCE else "18")
    own = _kind_of_card(number, allow_test_area)
    declarable = {own, RESIDENT, SOCIAL_SECURITY_CARD, _TERRITORIES.get(number[:6], own)}
    if kind not in declarable:
        raise Refusal("identity.kind_mismatch", kind=KINDS[kind])
    born = _birth(number)
    if born is None or on.year - born.year > _OLDEST_YEARS:
        raise Refusal("identity.bad_date")
    if number[17] != check_digit(number[:17]):
        raise Refusal("identity.bad_check")
    if born > on:
        raise Refusal("identity.future_birth")
    # Whether foreigners' serials are odd for men is not established, so their gender is not read from the number.
    gender = None if own == PERMANENT_RESIDENCE else (MALE if int(number[16]) % 2 else FEMALE)
    return Document(own, number, born, gender)


def _kind_of_card(number: str, allow_test_area: bool) -> str:
    area = number[:6]
    if area[0] == "9":
        return PERMANENT_RESIDENCE
    if area in _TERRITORIES:
        return RESIDENCE_PERMIT
    if area == TEST_AREA:
        if not allow_test_area:
            raise Refusal("identity.test_area")
    elif not _PROVINCE.fullmatch(area[:2]):
        raise Refusal("identity.bad_area")
    return RESIDENT


def _birth(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def _text(kind: str, number: str) -> str:
    shape = "*" * min(max(len(number), _SHORTEST_TEXT), _LONGEST_TEXT)
    _shaped(kind, number, shape, lengths=f"{_SHORTEST_TEXT} 到 {_LONGEST_TEXT}")
    # Otherwise somebody could be enrolled once by ID card and again by the same number as "other paper".
    if _fits(number, _CARD) and number[17] == check_digit(number[:17]) and _birth(number):
        raise Refusal("identity.kind_mismatch", kind=KINDS[kind])
    return number


def _shaped(kind: str, number: str, shape: str, lengths: str = "") -> str:
    if len(number) != len(shape):
        raise Refusal("identity.bad_length", kind=KINDS[kind], length=len(number), lengths=lengths or len(shape))
    if not _fits(number, shape):
        places = enumerate(zip(number, shape, strict=True), 1)
        # The place is told, never the character: refusals are stored and logged, and the number is personal data.
        place = next(place for place, (character, sign) in places if character not in _ALLOWED[sign])
        raise Refusal("identity.bad_character", kind=KINDS[kind], place=place)
    return number


def _fits(number: str, shape: str) -> bool:
    return len(number) == len(shape) and all(character in _ALLOWED[sign] for character, sign in zip(number, shape, strict=True))
