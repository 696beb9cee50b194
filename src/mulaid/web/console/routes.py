"""The routes of the clerk's pages, under /console."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mulaid.agency.staff import HANDLER
from mulaid.web.console import cases, counter, enter
from mulaid.web.console.door import clerk
from mulaid.web.visitor import anybody

HANDLERS = (HANDLER,)
both = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns = [
    path("console", clerk(require_safe(cases.queue)), name="console"),
    path("console/enter", anybody(both(enter.page)), name="console_enter"),
    path("console/begin", anybody(both(enter.begin)), name="console_begin"),
    path("console/prove", anybody(require_POST(enter.prove)), name="console_prove"),
    path("console/leave", anybody(require_POST(enter.leave)), name="console_leave"),
    path("console/case/<str:number>", clerk(both(cases.case)), name="console_case"),
    path("console/case/<str:number>/paper/<uuid:paper>", clerk(require_POST(cases.look)), name="console_look"),
    path("console/case/<str:number>/papers", clerk(require_POST(cases.give), HANDLERS), name="console_papers"),
    path("console/find", clerk(both(counter.find), HANDLERS), name="console_find"),
    path("console/person/<str:number>", clerk(both(counter.person), HANDLERS), name="console_person"),
    path("console/person/<str:number>/renew", clerk(both(counter.renew), HANDLERS), name="console_renew"),
    path("console/person/<str:number>/bind", clerk(both(counter.bind), HANDLERS), name="console_bind"),
    path("console/person/<str:number>/<str:matter>", clerk(both(counter.open_matter), HANDLERS), name="console_open"),
    path("console/paper/<str:token>", clerk(require_safe(cases.paper)), name="console_paper"),
]
