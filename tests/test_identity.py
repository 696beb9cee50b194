"""Papers, ages, names and masks: the forms that are accepted, and every trick that must not make a second person."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta, timezone
from string import ascii_letters, ascii_uppercase
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mulaid.people.identity import (
    FEMALE,
    KINDS,
    MALE,
    TEST_AREA,
    Document,
    age_on,
    check_digit,
    check_name,
    make_resident_id,
    mask_name,
    mask_number,
    mask_phone,
    parse_document,
)
from mulaid.refusal import Refusal

TODAY = date(2026, 11, 21)
WOMAN = "11010519491231002X"  # the examples of GB 11643
MAN_OF_1880 = "440524188001010014"
HONG_KONG = make_resident_id("810000", date(1990, 3, 4), 1)
MACAO = make_resident_id("820000", date(1990, 3, 4), 2)
TAIWAN = make_resident_id("830000", date(1990, 3, 4), 3)
FOREIGNER = make_resident_id("911840", date(1985, 5, 6), 7)
MADE_UP = make_resident_id(TEST_AREA, date(2000, 2, 29), 8)

births = st.dates(date(1900, 1, 1), TODAY)
areas = st.sampled_from(["110105", "330106", "440524", "500101", "659001", "710000", "810000", "820000", "830000"])
numbers = st.builds(make_resident_id, areas, births, st.integers(0, 999))


def parse(kind: str, number: str, on: date = TODAY, test: bool = False) -> Document:
    return parse_document(kind, number, on, test)


def refused(kind: str, number: str, on: date = TODAY, test: bool = False) -> str:
    with pytest.raises(Refusal) as caught:
        parse(kind, number, on, test)
    # Refusals are stored and logged: whatever they say, they do not repeat the number.
    assert len(number) < 8 or number not in caught.value.sentence
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ("01", WOMAN, Document("01", WOMAN, date(1949, 12, 31), FEMALE)),
        ("01", WOMAN.lower(), Document("01", WOMAN, date(1949, 12, 31), FEMALE)),
        ("01", MAN_OF_1880, Document("01", MAN_OF_1880, date(1880, 1, 1), MALE)),
        ("90", WOMAN, Document("01", WOMAN, date(1949, 12, 31), FEMALE)),
        ("17", HONG_KONG, Document("17", HONG_KONG, date(1990, 3, 4), MALE)),
        ("01", HONG_KONG, Document("17", HONG_KONG, date(1990, 3, 4), MALE)),
        ("04", HONG_KONG, Document("17", HONG_KONG, date(1990, 3, 4), MALE)),
        ("90", HONG_KONG, Document("17", HONG_KONG, date(1990, 3, 4), MALE)),
        ("05", MACAO, Document("17", MACAO, date(1990, 3, 4), FEMALE)),
        ("06", TAIWAN, Document("17", TAIWAN, date(1990, 3, 4), MALE)),
        ("07", FOREIGNER, Document("07", FOREIGNER, date(1985, 5, 6), None)),
        ("01", FOREIGNER, Document("07", FOREIGNER, date(1985, 5, 6), None)),
        ("07", "USA110185050601", Document("07", "USA110185050601")),
        ("07", "usa110185050601", Document("07", "USA110185050601")),
        ("990201", "X320101001", Document("990201", "X320101001")),
        ("04", "H12345678", Document("04", "H12345678")),
        ("06", "12345678", Document("06", "12345678")),
        ("08", "e1234567", Document("08", "E1234567")),
        ("90", "A12345678", Document("90", "A12345678")),
        ("09", WOMAN[:17] + "X" + "43", Document("09", WOMAN[:17] + "X43")),
    ],
)
def test_papers_have_one_canonical_form(kind: str, number: str, expected: Document) -> None:
    assert parse(kind, number) == expected


@pytest.mark.parametrize(
    ("kind", "number", "code"),
    [
        ("1", WOMAN, "bad_kind"),
        ("", WOMAN, "bad_kind"),
        ("01\n", WOMAN, "bad_kind"),
        ("０１", WOMAN, "bad_kind"),
        ("01", "", "bad_length"),
        ("01", WOMAN[:17], "bad_length"),
        ("01", WOMAN + "0", "bad_length"),
        ("01", WOMAN + "\n", "bad_length"),
        ("01", " " + WOMAN, "bad_length"),
        ("01", WOMAN[:6] + "\u200b" + WOMAN[6:], "bad_length"),
        ("01", "1" * 10**6, "bad_length"),
        ("01", "0" + WOMAN[1:], "bad_character"),
        ("01", "１" + WOMAN[1:], "bad_character"),
        ("01", "".join(chr(ord(c) + 0xFEE0) for c in WOMAN), "bad_character"),
        ("01", WOMAN[:17] + "Ⅹ", "bad_character"),  # Roman numeral ten
        ("01", WOMAN[:17] + "Х", "bad_character"),  # Cyrillic
        ("01", WOMAN[:17] + "Ｘ", "bad_character"),
        ("01", WOMAN[:17] + "\n", "bad_character"),
        ("01", WOMAN[:17] + "Y", "bad_character"),
        ("01", "11010519491231O02X", "bad_character"),
        ("01", "1101051949123100X2", "bad_character"),
        ("01", "110105_94912310021", "bad_character"),
        ("01", "-10105194912310021", "bad_character"),
        ("01", "110105491231002", "old_number"),
        ("90", "110105491231002", "old_number"),
        ("01", make_resident_id("990000", date(1990, 1, 1), 1)[:17] + "?", "bad_character"),
        ("01", make_resident_id("160000", date(1990, 1, 1), 1), "bad_area"),
        ("01", make_resident_id("100001", date(1990, 1, 1), 1), "bad_area"),
        ("01", make_resident_id("810001", date(1990, 1, 1), 1), "bad_area"),
        ("01", MADE_UP, "test_area"),
        ("01", "110105" + "19490230" + "002" + "0", "bad_date"),
        ("01", "110105" + "19001301" + "002" + "0", "bad_date"),
        ("01", "110105" + "19000229" + "002" + "0", "bad_date"),  # 1900 had no leap day
        ("01", "110105" + "00000101" + "002" + "0", "bad_date"),
        ("01", make_resident_id("110105", date(1870, 1, 1), 1), "bad_date"),
        ("01", make_resident_id("110105", date(2099, 1, 1), 1), "future_birth"),
        ("07", make_resident_id("911840", date(2099, 1, 1), 1), "future_birth"),
        ("01", WOMAN[:17] + "0", "bad_check"),
        ("07", FOREIGNER[:17] + ("1" if FOREIGNER[17] != "1" else "2"), "bad_check"),
        ("17", WOMAN, "kind_mismatch"),
        ("07", WOMAN, "kind_mismatch"),
        ("04", WOMAN, "kind_mismatch"),
        ("05", HONG_KONG, "kind_mismatch"),
        ("07", HONG_KONG, "kind_mismatch"),
        ("17", FOREIGNER, "kind_mismatch"),
        ("99", WOMAN, "kind_mismatch"),
        ("99", WOMAN.lower(), "kind_mismatch"),
        ("08", HONG_KONG, "kind_mismatch"),
        ("99", FOREIGNER, "kind_mismatch"),
        ("99", MADE_UP, "kind_mismatch"),
        ("07", "US1110185050601", "bad_character"),
        ("07", "USA11018505060X", "bad_character"),
        ("07", "USA11018505060", "bad_length"),
        ("990201", "1320101001", "bad_character"),
        ("990201", "Х320101001", "bad_character"),  # Cyrillic
        ("990201", "X32010100", "bad_length"),
        ("990201", "X320101001\n", "bad_length"),
        ("08", "E12", "bad_length"),
        ("08", "E" * 31, "bad_length"),
        ("08", "E123-4567", "bad_character"),
        ("08", "E1234567\n", "bad_character"),
        ("08", "Ｅ1234567", "bad_character"),
        ("08", "ﬀ1234567", "bad_character"),  # a ligature that upper() would turn into FF
        ("08", "ı1234567", "bad_character"),  # a dotless i that upper() would turn into I
    ],
)
def test_what_is_wrong_is_told(kind: str, number: str, code: str) -> None:
    assert refused(kind, number) == f"identity.{code}"


def test_the_refusal_names_length_and_place() -> None:
    with pytest.raises(Refusal, match="应为 18 位，收到的是 17 位"):
        parse("01", WOMAN[:17])
    with pytest.raises(Refusal, match="应为 15 或 18 位"):
        parse("07", "1")
    with pytest.raises(Refusal, match="第 15 位"):
        parse("01", "11010519491231O02X")
    with pytest.raises(Refusal, match="第 18 位"):
        parse("01", WOMAN[:17] + "Ｘ")
    with pytest.raises(Refusal, match="应为 4 到 30 位，收到的是 31 位"):
        parse("08", "E" * 31)


def test_only_provinces_that_exist_give_numbers() -> None:
    good = []
    for first in range(10, 90):
        try:
            parse("01", make_resident_id(f"{first}0101", date(1990, 1, 1), 1))
        except Refusal as refusal:
            if refusal.code != "identity.bad_area":
                raise
        else:
            good.append(first)
    assert good == [*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71]


def test_made_up_people_need_permission() -> None:
    assert parse("01", MADE_UP, test=True).born == date(2000, 2, 29)
    assert refused("01", MADE_UP, test=False) == "identity.test_area"


def test_somebody_born_today_passes_and_tomorrow_does_not() -> None:
    newborn = make_resident_id("110105", TODAY, 5)
    assert parse("01", newborn).born == TODAY
    assert refused("01", newborn, on=TODAY - timedelta(days=1)) == "identity.future_birth"


@given(numbers)
def test_well_formed_numbers_pass_and_keep_their_facts(number: str) -> None:
    paper = parse("01", number)
    assert paper.number == number
    assert paper.born is not None
    assert paper.born.strftime("%Y%m%d") == number[6:14]
    assert paper.gender == (MALE if number[16] in "13579" else FEMALE)
    assert paper == parse("01", number.lower()) == parse("90", number) == parse(paper.kind, number)


@given(numbers)
def test_every_single_wrong_digit_is_refused(number: str) -> None:
    for place in range(18):
        for character in "0123456789X":
            if character != number[place]:
                assert refused("01", number[:place] + character + number[place + 1 :])


@given(numbers)
def test_every_swap_of_unequal_neighbours_is_refused(number: str) -> None:
    for place in range(17):
        if number[place] != number[place + 1]:
            assert refused("01", number[:place] + number[place + 1] + number[place] + number[place + 2 :])


@given(st.text("0123456789", min_size=17, max_size=17), st.integers(0, 16), st.integers(0, 9))
def test_the_check_digit_alone_finds_every_wrong_digit(first_17: str, place: int, digit: int) -> None:
    assume(first_17[place] != str(digit))
    assert check_digit(first_17) != check_digit(first_17[:place] + str(digit) + first_17[place + 1 :])


def test_the_check_digit_against_an_independent_reckoning() -> None:
    """ISO 7064 MOD 11-2: the powers of two are reckoned here, not read from the table of weights."""
    for serial in range(1000):
        number = make_resident_id("110105", date(1977, 7, 7), serial)
        values = [10 if character == "X" else int(character) for character in number]
        assert sum(value * pow(2, 17 - place, 11) for place, value in enumerate(values)) % 11 == 1


@given(numbers, st.integers(0, 17), st.characters())
def test_no_other_character_gets_through(number: str, place: int, character: str) -> None:
    assume(character.upper() != number[place])
    assert refused("01", number[:place] + character + number[place + 1 :])


@given(
    numbers,
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 18),
    st.sampled_from(["", "\n", " ", "\u200b", "\ufeff", "-"]),
)
def test_one_number_is_never_two_people(number: str, kind: str, place: int, noise: str) -> None:
    honest = parse("01", number).canonical
    for written in (number, number.lower(), number[:place] + noise + number[place:]):
        for shown in (written, unicodedata.normalize("NFKC", written)):
            try:
                paper = parse(kind, shown)
            except Refusal:
                continue
            assert paper.canonical == honest


@given(st.sampled_from(sorted(KINDS)), st.text(max_size=40))
def test_any_text_is_a_canonical_paper_or_a_refusal(kind: str, text: str) -> None:
    try:
        paper = parse(kind, text)
    except Refusal:
        return
    assert set(paper.number) <= set("0123456789" + ascii_uppercase)
    assert parse(paper.kind, paper.number) == paper


def test_traps_of_the_language_are_real_and_avoided() -> None:
    """Each left side is what a careless check would have believed."""
    wide = "".join(chr(ord(c) + 0xFEE0) for c in MAN_OF_1880)
    assert wide.isdigit()
    assert int(wide) == int(MAN_OF_1880)
    assert refused("01", wide) == "identity.bad_character"
    assert int("1_000") == 1000
    assert refused("01", "1_0105194912310021") == "identity.bad_character"
    assert int(" 19") == 19
    assert refused("01", "110105 9491231002X") == "identity.bad_character"
    assert refused("01", MAN_OF_1880 + "\n") == "identity.bad_length"  # `$` would match before the newline


def test_a_birthday_in_summer_time_stays_the_day_it_is() -> None:
    midnight = datetime(1988, 7, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert midnight.astimezone(timezone(timedelta(hours=8))).date() == date(1988, 6, 30)  # the trap
    born = parse("01", make_resident_id("110105", date(1988, 7, 1), 1)).born
    assert type(born) is date
    assert born == date(1988, 7, 1)
    with pytest.raises(AssertionError):
        age_on(midnight, TODAY)
    with pytest.raises(AssertionError):
        age_on(date(1988, 7, 1), midnight.replace(year=2026))


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        (date(2010, 11, 24), date(2026, 11, 21), 15),  # days // 365 says 16
        (date(2010, 11, 22), date(2026, 11, 21), 15),
        (date(2010, 11, 21), date(2026, 11, 21), 16),
        (date(2010, 11, 20), date(2026, 11, 21), 16),
        (date(2026, 11, 21), date(2026, 11, 21), 0),
        (date(2025, 12, 31), date(2026, 1, 1), 0),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2024, 2, 28), 15),
        (date(2008, 2, 29), date(2024, 2, 29), 16),
        (date(1880, 1, 1), date(2026, 1, 1), 146),
    ],
)
def test_ages_are_counted_by_the_calendar(born: date, on: date, age: int) -> None:
    assert age_on(born, on) == age


def test_counting_days_would_err() -> None:
    assert (date(2026, 11, 21) - date(2010, 11, 24)).days // 365 == 16


def test_nobody_has_an_age_before_birth() -> None:
    with pytest.raises(AssertionError):
        age_on(TODAY, TODAY - timedelta(days=1))


@given(births, st.dates(TODAY, date(2100, 1, 1)))
def test_an_age_grows_by_one_on_birthdays_only(born: date, on: date) -> None:
    birthday = (3, 1) if (born.month, born.day) == (2, 29) and not _leap(on.year) else (born.month, born.day)
    grown = age_on(born, on) - age_on(born, on - timedelta(days=1)) if on > born else 0
    assert grown == (1 if (on.month, on.day) == birthday and on > born else 0)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@pytest.mark.parametrize(("area", "serial"), [("11010", 1), ("010101", 1), ("１10105", 1), ("110105", -1), ("110105", 1000)])
def test_a_number_cannot_be_made_of_nonsense(area: str, serial: int) -> None:
    with pytest.raises(ValueError, match="area of six digits"):
        make_resident_id(area, TODAY, serial)


def test_papers_do_not_show_their_number_in_logs() -> None:
    shown = repr(parse("01", WOMAN))
    assert "01" in shown
    assert "1949" not in shown
    assert "002X" not in shown


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        (WOMAN, "110105********002X"),
        ("USA110185050601", "US***********01"),
        ("X320101001", "X3******01"),
        ("H12345678", "H1*****78"),
        ("E1234567", "E1****67"),
        ("E123456", "E****56"),
        ("E1234", "E**34"),
        ("E123", "E***"),
        ("", ""),
    ],
)
def test_masked_numbers(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张三丰", "张**"),
        ("欧阳修", "欧阳*"),
        ("欧阳", "欧*"),
        ("司马相如", "司马**"),
        ("阿卜杜拉·买买提", "阿**"),
        ("John Smith", "J**"),
        ("𠮷田", "𠮷*"),
        ("张", "*"),
        ("", ""),
    ],
)
def test_masked_names(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812341234", "138****1234"),
        ("+85212345678", "**********78"),
        ("123456", "****56"),
        ("12345", "*****"),
        ("", ""),
    ],
)
def test_masked_phones(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


@given(st.text(ascii_letters + "0123456789", min_size=1, max_size=40))
def test_a_mask_always_hides_something(text: str) -> None:
    for masked in (mask_number(text), mask_phone(text)):
        assert len(masked) == len(text)
        assert "*" in masked or len(text) == 1
    assert "*" in mask_name(text)


@pytest.mark.parametrize(
    "name",
    [
        "张三",
        "欧阳修",
        "阿卜杜拉·买买提",
        "John Smith",
        "José",
        "𠮷田",
        "〇",
        "﨑",
        "㐀",
        "张",
        "张" * 50,
        "MARIA DA SILVA",
        "李Anna",
    ],
)
def test_names_that_people_have(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "张" * 51,
        " 张三",
        "张三 ",
        "张三\n",
        "张  三",
        "张\u3000三",
        "张\u200b三",
        "张\u202e三",
        "·张",
        "张·",
        "张··三",
        "张•三",
        "张・三",
        "张3",
        "张３",
        "Ｊｏｈｎ",
        "<script>",
        "=1+1",
        "张三;",
        "张三'",
        "张%",
        "\u2f00",  # a radical that looks like 一
        "\uf900",  # a compatibility form of 豈
        "\U0002f800",  # a compatibility form of 丽
        "ﬁ",
        "ſ",
        "Јohn",  # Cyrillic
        "e\u0301",  # a letter with a loose accent
        "×",
        "ɑ",
        "ヤ",
        "김",
        "\ue863",  # private use
        "\x00",
        "张\ud800",
    ],
)
def test_names_with_anything_else_are_refused(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_name(name)
    assert caught.value.code == "identity.bad_name"


def test_no_letter_that_passes_has_a_twin() -> None:
    """Over all of Unicode: what passes is a letter already in the form that every normalisation gives it."""
    passed = 0
    for code in range(0x110000):
        letter = chr(code)
        try:
            check_name(letter)
        except Refusal:
            continue
        passed += 1
        assert unicodedata.normalize("NFKC", letter) == letter
        # Unassigned places inside the Han extensions have no name yet in this Python's tables.
        label = unicodedata.name(letter, "CJK UNIFIED" if code > 0x20000 else "?")
        assert letter == "〇" or label.startswith(("CJK UNIFIED", "LATIN", "CJK COMPATIBILITY IDEOGRAPH-FA"))
    assert passed > 90_000


@given(st.text("张三· e\u0301", max_size=8))
def test_a_name_that_passes_is_in_one_form(text: str) -> None:
    fine = bool(text) and all(part and set(part) <= set("张三e") for part in text.replace("·", " ").split(" "))
    try:
        assert check_name(text) == text
    except Refusal:
        assert not fine
    else:
        assert fine
