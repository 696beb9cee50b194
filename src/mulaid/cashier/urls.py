"""The routes of the people's door with the till beside them: what a demonstration serves."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mulaid.cashier import till
from mulaid.web.urls import urlpatterns as of_people
from mulaid.web.visitor import demonstration

both = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns = [
    *of_people,
    path("cashier", demonstration(require_safe(till.places)), name="cashier"),
    path("cashier/open", demonstration(require_POST(till.open_till)), name="cashier_open"),
    path("cashier/scan", demonstration(require_POST(till.scan_here)), name="cashier_scan"),
    path("cashier/<str:number>", demonstration(both(till.page)), name="till"),
]
