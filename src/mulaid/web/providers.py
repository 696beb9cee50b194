"""The parties outside that the pages talk to, as the settings name them: faces, registers, the store of pictures."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from mulaid.calendar import wall_clock
from mulaid.crypto import Keys
from mulaid.outside.face import FaceVerifier, face_for
from mulaid.outside.miniprogram import MiniProgram, miniprograms_for
from mulaid.outside.registers import Registers, registers_for
from mulaid.outside.storage import Storage, storage_for


@cache
def face() -> FaceVerifier:
    """Who compares faces."""
    ours = settings.MULAID
    return face_for(ours.outside, ours.profile, Keys.load(ours.keys_path), wall_clock)


@cache
def registers() -> Registers:
    """Whom the authorities have registered."""
    return registers_for(settings.MULAID.outside, settings.MULAID.profile, wall_clock)


@cache
def storage() -> Storage:
    """Where pictures lie."""
    return storage_for(settings.MULAID.data, settings.MULAID.outside, wall_clock)


@cache
def miniprograms() -> dict[str, MiniProgram]:
    """The host apps whose mini-programs open our pages."""
    return miniprograms_for(settings.MULAID.outside, settings.MULAID.profile, wall_clock)
