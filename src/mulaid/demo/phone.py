"""`mulaid code`: shows a person's minute code, as a phone would. It stands in for the citizen's pages until there are some.

Only for made-up people: a production profile has no command that shows anybody's code.
"""

from __future__ import annotations

from collections.abc import Callable

from mulaid import commands
from mulaid.calendar import stamp, wall_clock
from mulaid.db import Actor, Database, Tx
from mulaid.people import credential, enrolment
from mulaid.people.credential import Code
from mulaid.policy.pack import library
from mulaid.refusal import Refusal
from mulaid.serve import installation
from mulaid.settings import Settings

Say = Callable[[str], None]
ID_CARD = "01"


def show(settings: Settings, number: str, shown_by: str, say: Say) -> int:
    """Print a fresh code of the person with this ID number, shown by that person or by a relative with a family account.

    Refuses a production profile, numbers nobody has, and a relative who is not bound.
    """
    if not settings.allows_test_people:
        raise Refusal("credential.not_here")
    by = Actor("phone", "cli")

    def work(tx: Tx) -> Code:
        member = enrolment.find(tx, ID_CARD, number, settings.allows_test_people)
        presenter = enrolment.find(tx, ID_CARD, shown_by, settings.allows_test_people) if shown_by else member
        return credential.issue(tx, library(), member, presenter, sandbox=True)

    with installation(settings, lambda _: None) as installed:
        db = Database(installed.url, installed.keys, size=1)
        try:
            code: Code = commands.alone(db, work, at=wall_clock(), by=by)
        finally:
            db.close()
    say(code.digits)
    say(f"演示医保码，{stamp(code.expires_at)} 前有效，只能用一次；用 1162 或 localQrCodeQuery 解码。")
    return 0
