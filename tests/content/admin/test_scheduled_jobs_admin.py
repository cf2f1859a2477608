"""The schedule in the admin: seen, paused and changed by those who may, and restored."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from content.models import ScheduledJob
from tests.support.admin_site import act, form_values, save_form, try_form

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_cache")]

LIST = "/admin/content/scheduledjob/"


@pytest.fixture
def job() -> ScheduledJob:
    return ScheduledJob.objects.create(
        name="write views",
        reason="popular posts are up to date",
        default_seconds=5,
        last_sent_at=timezone.now(),
        next_due_at=timezone.now() + timedelta(seconds=5),
    )


def page_of(job: ScheduledJob) -> str:
    return f"{LIST}{job.pk}/change/"


def states(client: Client) -> str:
    return client.get(LIST).content.decode()


def user_with(*permissions: str) -> Client:
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_a_job_shows_its_interval_its_reason_and_its_times(admin_client, job):
    html = states(admin_client)
    assert "popular posts are up to date" in admin_client.get(page_of(job)).content.decode()
    assert ">5</td>" in html
    assert ">scheduled</td>" in html
    ScheduledJob.objects.update(seconds=3600)
    assert ">3,600</td>" in states(admin_client)
    ScheduledJob.objects.update(paused=True)
    assert ">paused</td>" in states(admin_client)


def test_a_job_that_no_beat_sends_says_what_to_do(admin_client, job):
    ScheduledJob.objects.update(next_due_at=timezone.now() - timedelta(hours=2))
    html = states(admin_client)
    assert "late by 2\xa0hours: start beat, or see its log" in html
    ScheduledJob.objects.update(next_due_at=None)
    assert "no beat that runs has taken it" in states(admin_client)


def test_an_interval_is_changed_within_bounds_and_its_times_are_left_to_beat(admin_client, job):
    values = form_values(admin_client.get(page_of(job)))
    sent = timezone.now() + timedelta(seconds=7)
    save_form(admin_client, page_of(job), seconds=30)
    job.refresh_from_db()
    assert (job.seconds, job.paused, job.every) == (30, False, timedelta(seconds=30))
    for wrong in ("0", "86401", "-1", "x", "9" * 40):
        assert "seconds" in try_form(admin_client, page_of(job), seconds=wrong).context["adminform"].form.errors
    ScheduledJob.objects.update(last_sent_at=sent)
    save_form(admin_client, page_of(job), seconds="", paused="on")
    job.refresh_from_db()
    assert (job.seconds, job.paused, job.last_sent_at) == (None, True, sent)
    assert "name" not in values


def test_two_operators_do_not_overwrite_each_other(admin_client, job):
    based_on = form_values(admin_client.get(page_of(job)))
    save_form(admin_client, page_of(job), seconds=30)
    response = admin_client.post(page_of(job), based_on | {"seconds": 60})
    assert response.status_code == 409
    job.refresh_from_db()
    assert job.seconds == 30


def test_jobs_are_paused_resumed_and_restored_in_the_list(admin_client, job):
    assert (
        "Paused: 1. Beat does so within seconds."
        in act(admin_client, "scheduledjob", "pause_jobs", [job.pk]).content.decode()
    )
    job.refresh_from_db()
    assert job.paused
    act(admin_client, "scheduledjob", "resume_jobs", [job.pk])
    ScheduledJob.objects.update(seconds=77)
    job.refresh_from_db()
    assert not job.paused
    act(admin_client, "scheduledjob", "restore_jobs", [job.pk])
    job.refresh_from_db()
    assert job.seconds is None


def test_who_may_only_look_changes_nothing(job):
    client = user_with("view_scheduledjob")
    assert "write views" in states(client)
    assert client.post(page_of(job), {"seconds": 30}).status_code == 403
    act(client, "scheduledjob", "pause_jobs", [job.pk])
    job.refresh_from_db()
    assert (job.seconds, job.paused) == (None, False)


def test_no_job_is_added_and_editors_do_not_see_the_schedule(admin_client, member, job):
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert member("Editors").get(LIST).status_code == 403
