from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from content.models import SiteConfig


class EvergreenAdminSite(admin.AdminSite):
    """Django's admin with the name of this site, login limits, and a dashboard as its first page."""

    index_template = "admin/dashboard.html"
    site_url = "/"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        title = SiteConfig.objects.values_list("title", flat=True).first() or "Evergreen"
        return super().each_context(request) | {"site_header": title, "site_title": title}

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Imported late: the form imports models, which are not loaded when this module is.
        from project.logins import LoginForm, limit_response

        self.login_form = LoginForm
        response = super().login(request, extra_context)
        return limit_response(request, response) if request.method == "POST" else response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        # Imported late: content.admin registers with this site, which must exist before.
        from content.admin.dashboard import dashboard_context

        return super().index(request, (extra_context or {}) | dashboard_context(request))
