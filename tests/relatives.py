"""The family's side of a story: asking, papers, consent and faces, each as the command a page would call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from city import City
from mulaid.people import application, binding, consent, credential, enrolment, face, family
from mulaid.people.binding import Claim
from mulaid.people.enrolment import PersonRef
from mulaid.people.face import Assurance, FaceOutcome, FaceRequest, FaceSession, Result
from mulaid.people.kinship import Kinship
from mulaid.policy.pack import Library, library
from mulaid.refusal import Refusal

REGISTER_PAGES = {"household_register": (uuid4(), uuid4())}


def refused(code: str, work: Callable[[], Any]) -> Refusal:
    """What came of something that must be refused."""
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code
    return caught.value


class Relatives:
    """What people of a city do about family accounts; every call is a transaction of its own."""

    def __init__(self, city: City, packs: Library | None = None) -> None:
        self.city, self.packs = city, packs or library()

    def __getitem__(self, name: str) -> PersonRef:
        return self.city.people[name]

    def name(self, who: str) -> str:
        """The full name, as the family knows it."""
        return str(self.city.run(lambda tx: enrolment.person(tx, self[who])).name)

    def asks(
        self, binder: str, member: str, relation: str = "parent", *, limits: Mapping[str, Any] | None = None, **more: Any
    ) -> UUID:
        """The binder asks, by ID number unless said otherwise."""
        typed = {"name": self.name(member), "number": self.city.numbers[member], "route": "id_number", **more}
        claim = Claim(relation=relation, **typed)
        return self.city.run(lambda tx: binding.ask(tx, self.packs, self[binder], claim, allow_test_area=True, overrides=limits))

    def registers(self, request: UUID, binder: str, answer: Kinship = Kinship.CONFIRMED) -> str:
        """The civil register's word comes in."""
        return self.city.run(lambda tx: binding.kinship_known(tx, self.packs, request, self[binder], answer))

    def letters(self, request: UUID, reader: str) -> tuple[consent.Letter, ...]:
        """What the reader is shown to agree to."""
        return self.city.run(lambda tx: binding.letters(tx, self.packs, request, self[reader]))

    def submits(self, request: UUID, binder: str, papers: Mapping[str, Any] | None = None, agreed: str = "") -> str:
        """Promise and pictures."""
        shown = agreed or self.letters(request, binder)[0].hash
        pictures = REGISTER_PAGES if papers is None else papers
        return self.city.run(lambda tx: binding.submit(tx, self.packs, request, self[binder], shown, pictures))

    def agrees(self, request: UUID, by: str, reader: str = "") -> str:
        """A guardian, or the young member, agrees."""
        shown = self.letters(request, reader or by)[0].hash
        return self.city.run(lambda tx: binding.agree(tx, self.packs, request, self[by], shown))

    def begins(self, request: UUID, asker: str) -> FaceRequest:
        """A face check is begun; the notice on faces is agreed to."""
        return self.city.run(
            lambda tx: binding.begin_face(tx, self.packs, request, self[asker], self.letters(request, asker)[1].hash)
        )

    def begins_unseen(self, request: UUID, asker: str) -> FaceRequest:
        """The same from somebody who was shown nothing."""
        return self.city.run(lambda tx: binding.begin_face(tx, self.packs, request, self[asker], "0" * 64))

    def letters_of_guardian(self, request: UUID, guardian: str) -> consent.Letter:
        """What a guardian is shown at the counter."""
        return self.city.run(lambda tx: binding.guardian_letter(tx, self.packs, request, self[guardian]))

    def begins_activation(self, asker: str, member: str) -> FaceRequest:
        """A face check to activate."""
        return self.city.run(
            lambda tx: credential.begin_activation(
                tx, self.packs, self[asker], self[member], credential.face_notice(tx, self[member]).hash
            )
        )

    def activates(self, asker: str, member: str) -> None:
        """The whole activation by face."""
        asked = self.begins_activation(asker, member)
        self.looks(asked, asker)
        self.city.run(lambda tx: credential.activate_by_face(tx, self[asker], self[member], asked.check))

    def begins_renewal(self, bond: UUID, asker: str) -> FaceRequest:
        """A face check to give consent anew."""
        member = self.city.run(lambda tx: family.detail(tx, bond, self[asker])).member
        return self.city.run(
            lambda tx: family.begin_renewal(tx, self.packs, bond, self[asker], credential.face_notice(tx, member).hash)
        )

    def looks(self, asked: FaceRequest, asker: str, **outcome: Any) -> Result:
        """The provider takes the check and answers it; a pass of the right person unless said otherwise."""
        ref = f"ref-{asked.tx_id}"
        until = self.city.now + timedelta(minutes=20)
        session = FaceSession("stand-in", Assurance.LIVENESS_AUTHORITY, ref, "https://face.example/x", until)
        self.city.run(lambda tx: face.sent(tx, self[asker], asked.check, session))
        told = {"result": Result.PASSED, "reported_number": asked.subject.number, "live": True, "matched": True, **outcome}
        return self.city.run(lambda tx: face.finish(tx, self[asker], asked.check, FaceOutcome(ref, **told)))

    def proves(self, request: UUID, asker: str, check: UUID) -> str:
        """The passed check is spent on the request."""
        shown = self.letters(request, asker)[0].hash
        return self.city.run(lambda tx: binding.prove(tx, self.packs, request, self[asker], check, shown))

    def shows_face(self, request: UUID, asker: str) -> str:
        """The whole face check, passed."""
        asked = self.begins(request, asker)
        assert self.looks(asked, asker) == Result.PASSED
        return self.proves(request, asker, asked.check)

    def binds(self, binder: str, member: str, relation: str = "parent", **more: Any) -> UUID:
        """A whole binding of somebody of 16 or more by ID number; the bond."""
        request = self.asks(binder, member, relation, **more)
        self.registers(request, binder)
        self.submits(request, binder)
        assert self.shows_face(request, binder) == "bound"
        return self.sees(request, binder).bond  # type: ignore[return-value]

    def sees(self, request: UUID, reader: str) -> application.Request:
        """The request as one of its sides sees it."""
        return self.city.run(lambda tx: binding.standing(tx, self.packs, request, self[reader]))


def tables(city: City) -> dict[str, Any]:
    """Every row of what family accounts rest on: equal before and after a refusal."""
    names = (
        "family_bond", "family_given", "family_turn", "family_request", "family_invited", "family_paper", "family_use", "consent",
        "credential", "face_check", "code", "person", "audit", "outbox",
    )  # fmt: skip
    return {name: city.run(lambda tx, name=name: tx.all(f"select * from {name} order by 1, 2")) for name in names}


def refused_whole(city: City, code: str, work: Callable[[], Any]) -> Refusal:
    """Refused, and no table is other than before."""
    before = tables(city)
    refusal = refused(code, work)
    assert tables(city) == before
    return refusal


def packs_with(folder: Path, **values: str) -> Library:
    """The national layer with values of a test's own, each as it would stand in the pack."""
    text = resources.files("mulaid.packs").joinpath("cn/pack.toml").read_text("utf-8")
    for name, value in values.items():
        mine = f'[{name}]\n"2000-01-01" = {{ value = {value}, source = "decision" }}\n\n'
        text, found = re.subn(rf"(?ms)^\[{name}(\]|\.).*?(?=^\[(?!{name}))", mine, text)
        assert found, name
    (folder / "cn").mkdir(exist_ok=True)
    (folder / "cn" / "pack.toml").write_text(text, "utf-8")
    return Library(folder)
