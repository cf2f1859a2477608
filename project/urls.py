from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", include("project.password_reset")),
    path("admin/", admin.site.urls),
    path("", include("content.urls")),
]

handler400 = "content.views.errors.bad_request"
handler403 = "content.views.errors.forbidden"
handler404 = "content.views.errors.not_found"
handler500 = "content.views.errors.server_error"
