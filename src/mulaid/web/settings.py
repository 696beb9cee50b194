"""Django's settings, made from ours. What belongs to a deployment comes from the environment (mulaid.settings)."""

from __future__ import annotations

from pathlib import Path

from csp.constants import NONE, SELF
from psycopg.conninfo import conninfo_to_dict

from mulaid.crypto import Keys
from mulaid.settings import from_environment

_ours = from_environment()
_place = conninfo_to_dict(_ours.database_url or "")
_here = Path(__file__).parent

# What views need to know of this process: profile, ports, addresses.
MULAID = _ours
SECRET_KEY = Keys.load(_ours.keys_path).blind("django", "secret").hex()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"] if _ours.profile != "production" else _ours.hosts
INSTALLED_APPS = [
    "mulaid.migrations.Schema",
    "procrastinate.contrib.django",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "mulaid.web.frame.unstored",
    "mulaid.web.frame.legible",
    "mulaid.web.frame.packed",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "mulaid.web.visitor.visitors",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mulaid.web.frame.refusals",
]
# The till is a client of the gateway: a demonstration has it beside the people's door, in production nothing of it is loaded.
ROOT_URLCONF = "mulaid.web.urls" if _ours.profile == "production" else "mulaid.cashier.till"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_here / "templates", _here.parent / "cashier" / "templates"],
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request", "mulaid.web.frame.context"],
            "builtins": ["mulaid.web.words"],
            # A name that a page uses and nobody gave shows itself, except to citizens.
            "string_if_invalid": "" if _ours.profile == "production" else "⟦缺⟧",
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _place.get("dbname", ""),
        "USER": _place.get("user", ""),
        "PASSWORD": _place.get("password", ""),
        "HOST": _place.get("host", ""),
        "PORT": _place.get("port", ""),
        "OPTIONS": {key: value for key, value in _place.items() if key not in ("dbname", "user", "password", "host", "port")},
        "CONN_MAX_AGE": 60,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
STATIC_URL = "static/"
STATICFILES_DIRS = [_here / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 30 * 24 * 60 * 60

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SESSION_SERIALIZER = "mulaid.web.visitor.Sealed"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "mulaid.web.frame.untrusted"
_secure = _ours.profile == "production"
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = ("__Host-session", "__Host-csrf") if _secure else ("session", "csrf")
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _secure
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
X_FRAME_OPTIONS = "DENY"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
