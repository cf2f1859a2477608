from django.db import models
from django.utils import timezone


class OpsToken(models.Model):
    """A token of the operators' API. Its text is shown once, and not stored: `digest` is the SHA-256 of it.

    scopes      names of Scope
    created_by  who made it: an account of the admin, or user@host of a shell
    """

    class Scope(models.TextChoices):
        WARM = "warm", "warm: start, steer and read runs"
        PURGE = "purge", "purge: end stored pages and entries"
        READ = "read", "read: read runs"

    name = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "operators' token"
        default_permissions = ("view",)
        permissions = [("manage_opstoken", "Can create and revoke tokens of the operators' API")]
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(revoked_at=None), name="opstoken_name_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """valid, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= timezone.now() else "valid"


class OpsRequest(models.Model):
    """A request with a token to the operators' API: the audit of who did what, when, and how it ended.

    network  of the client: an IPv4 address, or a /64 of IPv6
    order    the body, as it was sent; its first 1,000 characters
    status   of the response; None while it is being answered, and if its process died before
    outcome  in words
    """

    token = models.ForeignKey(OpsToken, models.PROTECT, related_name="requests")
    network = models.CharField(max_length=50)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=200)
    order = models.CharField(max_length=1000, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    outcome = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    is_read = models.BooleanField()

    class Meta:
        verbose_name = "operators' request"
        default_permissions = ("view",)
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
