"""The header fields of a request, and the values that several rules need. Each value is parsed once."""

from collections.abc import Iterable, Sequence
from http.cookies import CookieError, SimpleCookie

from .rules.directives import Directives, request_directives
from .rules.fields import Field, Fields
from .rules.variants import choose_codings

_PREFETCH = (b"sec-purpose", b"purpose")


class RequestFields(Fields):
    """The header fields of one request. A list of offered codings or cookie names is expected to be the same in each
    call: only the last result is cached.
    """

    __slots__ = ("_codings", "_directives", "_sender")

    def __init__(self, pairs: Iterable[Sequence[bytes]] = ()) -> None:
        super().__init__(pairs)
        self._clear()

    @classmethod
    def of(cls, pairs: tuple[Field, ...]) -> "RequestFields":
        fields = cls.__new__(cls)
        fields.pairs, fields.lines = pairs, None
        fields._clear()
        return fields

    def _clear(self) -> None:
        self._directives: Directives | None = None
        self._codings: tuple[Sequence[str], tuple[str, ...]] | None = None
        self._sender: tuple[frozenset[str], bool] | None = None

    @property
    def directives(self) -> Directives:
        if self._directives is None:
            self._directives = request_directives(self)
        return self._directives

    def choose_codings(self, offered: Sequence[str]) -> tuple[str, ...]:
        """The offered codings that the client accepts, the preferred first."""
        if self._codings is None or self._codings[0] != offered:
            self._codings = offered, choose_codings(self.combine(b"accept-encoding"), offered)
        return self._codings[1]

    def identifies_sender(self, cookies: frozenset[str]) -> bool:
        """Whether the request has Authorization or one of these cookies."""
        if self._sender is None or self._sender[0] != cookies:
            is_known = b"authorization" in self or any(_has_cookie(each, cookies) for each in self.values(b"cookie"))
            self._sender = cookies, is_known
        return self._sender[1]

    @property
    def is_prefetch(self) -> bool:
        """Whether a browser prefetches the page (Fetch standard, Sec-Purpose)."""
        return any("prefetch" in (self.first(name) or "") for name in _PREFETCH)


def _has_cookie(value: str, names: frozenset[str]) -> bool:
    """Whether a Cookie field has one of these names. An unreadable field counts as having one."""
    try:
        return not names.isdisjoint(SimpleCookie(value)) or any(f"{name}=" in value for name in names)
    except CookieError:
        return True
