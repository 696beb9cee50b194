"""An intruder's view of the people's door: a plain program with cookies, and two families of which only one is its own."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from city import City
from mulaid import refs
from mulaid.agency import casework
from mulaid.calendar import wall_clock
from mulaid.people import consent, filings
from mulaid.people.enrolment import PersonRef
from mulaid.policy.pack import library
from mulaid.settlement import premium
from relatives import Relatives

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
KEY = re.compile(r'name="key" value="([0-9a-f]{32})"')


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def text(self) -> str:
        """The page."""
        return self.raw.decode("utf-8", "replace")

    @property
    def key(self) -> str:
        """The first form's key."""
        found = KEY.search(self.text)
        return found[1] if found else "0" * 32


@dataclass
class Browser:
    """A client that keeps cookies and knows its form token; it follows nothing and believes nothing."""

    base: str
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request, bytes as they are."""
        connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=30)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, headers)
            came = connection.getresponse()
            for name, value in came.getheaders():
                if name.lower() == "set-cookie":
                    self._keep(value)
            answer = Answer(came.status, {name.lower(): value for name, value in came.getheaders()}, came.read())
        finally:
            connection.close()
        found = TOKEN.search(answer.text)
        if found:
            self.token = found[1]
        return answer

    def get(self, path: str, **query: Any) -> Answer:
        """A page."""
        return self.ask("GET", path + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, *, csrf: bool = True, **typed: Any) -> Answer:
        """A form, with this browser's token."""
        if csrf and not self.token:
            self.get("/enter")
        sent = {"csrfmiddlewaretoken": self.token, **typed} if csrf else typed
        body = urlencode(sent, doseq=True, errors="surrogatepass").encode()
        answer = self.ask("POST", path, body, **{"Content-Type": "application/x-www-form-urlencoded"})
        if path == "/enter/as":
            self.token = ""  # it changes with the session
        return answer

    def enters(self, person: PersonRef) -> Answer:
        """Sign in as somebody of the demonstration."""
        self.get("/enter")
        answer = self.post("/enter/as", person=person.number)
        assert answer.status == 303, answer.text[:500]
        self.get("/home")
        return answer

    def _keep(self, header: str) -> None:
        name, _, value = header.partition(";")[0].partition("=")
        if value in ("", '""'):
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


@dataclass
class Street:
    """A victim's family that has lived through something, and the intruder's with its own; `theirs` are the victims' keys."""

    city: City
    theirs: dict[str, str]
    mine: dict[str, str]


def build(city: City) -> Street:
    """Both families; every kind of key that a page takes exists on both sides."""
    city.now = wall_clock()
    street = Street(city, {}, {})
    _family(city, ["ann", "bob", "dad", "uncle", "kid"], street.theirs, "143.21", "913.00")
    _family(city, ["mal", "mia", "pop", "unc", "toy"], street.mine, "62.80", "500.00")
    return street


def _family(city: City, names: list[str], found: dict[str, str], bill: str, quota: str) -> None:
    one, spouse, father, uncle, child = names
    home = one
    city.enrols(one, "4000.00", household=home)
    city.enrols(spouse, "300.00", household=home)
    city.enrols(father, "20.00", base="retired", household=f"{home}-old")
    city.enrols(uncle, "500.00", household=f"{home}-uncle")
    city.enrols(child, "0.00", base="resident", household=home)
    relatives = Relatives(city)
    found["bond"] = refs.show(refs.RELATION, relatives.binds(one, father))
    found["request"] = refs.show(refs.RELATION, relatives.asks(one, uncle, "sibling"))
    relatives.registers(refs.parse(refs.RELATION, found["request"]), one)
    found["aid"] = refs.show(refs.RELATION, city.authorises(one, father, quota=quota))
    found["aid_child"] = refs.show(refs.RELATION, city.authorises(one, child, "child"))
    paid = city.pays(father, [("A", "100.00"), ("MINE", bill)])
    found["bill"] = paid["setl_id"]
    order = premium.Order(city.people[one], city.people[child], "resident", city.now.year + 1)
    found["premium"] = refs.show(refs.RELATION, city.run(lambda tx: premium.pay(tx, library(), order)).id)
    agreed = city.run(lambda tx: consent.of(tx, city.people[father]))
    found["consent"] = refs.show(refs.RELATION, agreed[0].id)
    credit = city.run(
        lambda tx: tx.one("select id from journal where cause = 'credit' order by recorded_at desc, id desc limit 1")
    )
    given = {"person": city.people[one], "applicant": city.people[one], "about": credit["id"], "region": "420100"}
    detail = {"parts": {"0": 100, "1": 100}}
    case = city.run(lambda tx: casework.open_case(tx, "correction", **given, detail=detail))
    found["case"] = refs.show(refs.CASE, case)
    old = city.people[father]
    filed = city.run(lambda tx: filings.file(tx, library(), old, "long_term", "440000", "随子女居住", promise=True))
    found["filing"] = refs.show(refs.RELATION, filed.id)
    found["person"] = city.people[one].number
    found["number"] = city.numbers[father]
