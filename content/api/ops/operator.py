"""The sender of a request, and the order and its outcome for the audit."""

from dataclasses import dataclass

from django.http import HttpRequest

from content.models import OpsToken


@dataclass
class Operator:
    """The token of a request. Its endpoint notes the order, as it was sent, and the outcome in words."""

    token: OpsToken
    order: str = ""
    outcome: str = ""

    @property
    def name(self) -> str:
        return self.token.name

    def has_scope(self, scopes: tuple[str, ...]) -> bool:
        """Whether it has one of these."""
        return not set(scopes).isdisjoint(self.token.scopes)


def operator_of(request: HttpRequest) -> Operator:
    operator: Operator = request.operator  # type: ignore[attr-defined]
    return operator
