"""Accounts in the admin: an invitation by mail gives a new account its first password."""

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from project.invitations import invite
from project.password_reset import origin_of

admin.site.unregister(User)


@admin.register(User)
class InvitingUserAdmin(UserAdmin):
    """Choose "no password" for a new account, store its mail address, then invite it."""

    actions = ["send_invitations"]

    @admin.action(description="Send an invitation to choose a password", permissions=["change"])
    def send_invitations(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        sent, refused = invite(queryset, origin_of(request))
        if sent:
            self.message_user(request, f"{sent} invitations will be sent.", messages.SUCCESS)
        for reason in refused:
            self.message_user(request, reason, messages.WARNING)
