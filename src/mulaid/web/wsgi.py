"""The web door as the server starts it. What it cannot work with ends it here, in a sentence, not at a citizen's first page."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from psycopg_pool import PoolTimeout

from mulaid.crypto import BadKeyFile
from mulaid.settings import SettingTrouble
from mulaid.web import providers, reading

try:
    application = get_wsgi_application()
    if not settings.ALLOWED_HOSTS:
        raise SettingTrouble("MULAID_PROFILE is production: set MULAID_HOSTS to the names under which people reach the pages")
    for party in (providers.face, providers.registers, providers.storage, providers.miniprograms):
        party()
    reading.database().require_own_keys()
except (SettingTrouble, BadKeyFile, FileNotFoundError) as trouble:
    raise SystemExit(f"mulaid: {trouble}") from None
except PoolTimeout:
    raise SystemExit(
        "mulaid: the database does not answer, or its schema is older than this program: run `mulaid migrate`"
    ) from None
