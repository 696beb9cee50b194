"""The counter in stories: staff with their roles, and steps of a case as each of them takes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from city import City
from mulaid import commands
from mulaid.agency import casework, staff
from mulaid.db import Actor, Tx
from mulaid.people.identity import make_resident_id

TELL = "已核实，谢谢配合。"


class Desk:
    """An agency of Wuhan: zhao and sun handle, qian and zhao check, chen is of another city, and three administrators."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.serial = 500
        system, security = self.applicant("root.sys", "100000"), self.applicant("root.sec", "100000")
        self.as_("operator", lambda tx: staff.found(tx, system, security, allow_test_area=True), channel="cli")
        self.hire("zhao", "420100", "handler", "checker")
        self.hire("sun", "420100", "handler")
        self.hire("qian", "420000", "checker")
        self.hire("chen", "440100", "handler", "checker")
        self.hire("nosy", "100000", "audit")

    def applicant(self, name: str, region: str, number: str = "") -> staff.Applicant:
        """Somebody who is to get an account for a year."""
        self.serial += 1
        number = number or make_resident_id("100000", self.city.now.date().replace(year=1980), self.serial)
        return staff.Applicant(name, "赵钱孙", "01", number, region, self.city.now.date() + timedelta(days=365))

    def hire(self, name: str, region: str, *roles: str, number: str = "") -> None:
        """An account with roles, by two administrators."""
        one = self.applicant(name, region, number)
        self.as_("root.sys", lambda tx: staff.add(tx, one, allow_test_area=True))
        self.as_("root.sys", lambda tx: staff.propose(tx, name, roles))
        self.as_("root.sec", lambda tx: staff.grant(tx, name))

    def as_(self, who: str, work: Callable[[Tx], Any], channel: str = "desk") -> Any:
        """A transaction of one member of staff."""
        return commands.alone(self.city.db, work, at=self.city.now, by=Actor(who, channel, "420100 大厅"))

    def case(self, case: UUID) -> dict[str, Any]:
        """The row of a case."""
        return self.city.run(lambda tx: tx.one("select * from desk_case where id = %(id)s", id=case))

    def version(self, case: UUID) -> int:
        """The version somebody sees who opens the case now."""
        return int(self.case(case)["version"])

    def takes(self, who: str, case: UUID) -> None:
        """Take it."""
        self.as_(who, lambda tx: casework.take(tx, case, self.version(case)))

    def decides(self, who: str, case: UUID, verdict: str = "approved", reason: str = "", words: str = TELL) -> None:
        """Give a verdict."""
        reason = reason or {"approved": "papers_agree", "refused": "papers_missing"}[verdict]
        self.as_(who, lambda tx: casework.decide(tx, case, self.version(case), verdict, reason, words))

    def checks(self, who: str, case: UUID) -> None:
        """Agree with it."""
        self.as_(who, lambda tx: casework.check(tx, case, self.version(case)))

    def settles(self, case: UUID, verdict: str = "approved", reason: str = "") -> None:
        """From taking to checking by two people; the worker has not come by yet."""
        self.takes("zhao", case)
        self.decides("zhao", case, verdict, reason)
        self.checks("qian", case)
