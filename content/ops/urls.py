"""The paths below /ops/. Each is guarded, and paths at which there is nothing are guarded in the same way."""

from django.urls import path, re_path

from content.ops import views

urlpatterns = [
    path("", views.dashboard, name="ops"),
    path("explain/", views.explain, name="ops-explain"),
    path("warm/", views.warm, name="ops-warm"),
    path("purge/", views.purge, name="ops-purge"),
    path("runs/<int:pk>/", views.steer, name="ops-steer"),
    path("runbooks/<slug:name>/", views.runbook, name="ops-runbook"),
    re_path("", views.nothing),
]
