"""The endpoints, which an import declares. Each calls the functions that the commands and the admin call too."""

from typing import Any, Literal

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpRequest
from redis.exceptions import RedisError

from content.api.errors import Refusal
from content.api.ops.document import Answer, Endpoint, endpoint
from content.api.ops.dry_run import estimate_choice
from content.api.ops.operator import Operator, operator_of
from content.api.ops.orders import PurgeOrder, WarmOrder, parse_order, read_body
from content.api.ops.results import Purge, Run, RunList, WarmEstimate
from content.api.parameters import DEFAULT_LIMIT, Limit
from content.caching import CacheError
from content.models import OpsToken, WarmRun
from content.purging import BadSelection, Outcome, SurveyUnavailable, run_purge
from content.purging import Trigger as PurgeTrigger
from content.purging.survey_slot import survey_slot
from content.services.ops_tokens import is_valid
from content.unavailable import RETRY_HEADERS
from content.warming.choice import Choice, ChoiceError, check_choice
from content.warming.runs import STEERING, SteeringError, Trigger, describe_run, find_run, retry_run, start_run

WARM, PURGE, READ = (str(scope) for scope in OpsToken.Scope)
RUNS = "/api/v1/ops/runs/"
Verb = Literal["cancel", "pause", "resume", "retry"]


@endpoint("/ops/warm", Endpoint("POST", (WARM,), {200: (Run, WarmEstimate), 202: (Run,)}, body=WarmOrder))
async def start_warming(request: HttpRequest) -> Answer:
    """Start a run of warming.

    A worker does it; follow it at its Location. If a run of the same choice is active, that is the answer, with 200.
    With `dry_run` nothing is started, and the answer is an estimate. docs/runs.md explains the choice.
    """
    order = read_order(request, WarmOrder)
    operator = operator_of(request)
    try:
        choice = await check_choice(order.choice())
    except ChoiceError as error:
        raise Refusal(422, str(error)) from error
    if order.dry_run:
        operator.outcome = f"dry run of {choice}"
        return Answer(await estimate_choice(choice))
    return await sync_to_async(start)(operator, choice)


@endpoint("/ops/purge", Endpoint("POST", (PURGE,), {200: (Purge,)}, body=PurgeOrder))
async def start_purge(request: HttpRequest) -> Answer:
    """Purge stored pages and entries.

    The answer says what was touched, counted before, and what was done. With `dry_run` nothing is purged. With `soft`
    readers get the old pages while they are made again. docs/purging.md explains the names.
    """
    order = read_order(request, PurgeOrder)
    operator = operator_of(request)
    with survey_slot():
        outcome = await carry_out(order, operator)
    data = outcome.as_data()
    what = "dry run" if order.dry_run else f"purge {outcome.id}"
    operator.outcome = f"{what}: touched {data['touched']}, ended {data['ended']}"
    return Answer(msgspec.convert(data, Purge))


@endpoint("/ops/runs", Endpoint("GET", (READ, WARM), {200: (RunList,)}))
async def list_runs(request: HttpRequest, limit: Limit = DEFAULT_LIMIT) -> Answer:
    """The newest runs, those of other triggers too."""
    runs = await sync_to_async(lambda: [convert_run(run) for run in WarmRun.objects.all()[:limit]])()
    return Answer(RunList(tuple(runs)))


@endpoint("/ops/runs/{int:pk}", Endpoint("GET", (READ, WARM), {200: (Run,)}, problems=(404,)))
async def show_run(request: HttpRequest, pk: int) -> Answer:
    """A run: how far it is, and what failed."""
    return Answer(await sync_to_async(lambda: convert_run(get_run(pk)))())


@endpoint(
    "/ops/runs/{int:pk}/{verb}",
    Endpoint("POST", (WARM,), {200: (Run,), 202: (Run,)}, problems=(404, 409)),
)
async def steer_run(request: HttpRequest, pk: int, verb: Verb) -> Answer:
    """Cancel, pause or resume a run, or retry its failures.

    `retry` starts a run of the failures: 202, with its Location.
    """
    return await sync_to_async(steer)(operator_of(request), pk, verb)


# --- in a thread ------------------------------------------------------------------------------------------


def start(operator: Operator, choice: Choice) -> Answer:
    require_valid(operator)
    return answer_with(operator, *start_run(choice, trigger=Trigger.API, started_by=operator.name))


def steer(operator: Operator, pk: int, verb: str) -> Answer:
    run = get_run(pk)
    require_valid(operator)
    try:
        if verb == "retry":
            return answer_with(operator, *retry_run(run, trigger=Trigger.API, started_by=operator.name))
        operator.outcome = STEERING[verb](run)
    except SteeringError as error:
        raise Refusal(409, str(error)) from error
    return Answer(convert_run(run))


def answer_with(operator: Operator, run: WarmRun, is_new: bool) -> Answer:
    operator.outcome = f"run {run.pk} {'started' if is_new else 'is active already'}"
    return Answer(convert_run(run), 202 if is_new else 200, f"{RUNS}{run.pk}")


def get_run(pk: int) -> WarmRun:
    try:
        return find_run(pk)
    except SteeringError as error:
        raise Refusal(404, str(error)) from error


def convert_run(run: WarmRun) -> Run:
    return msgspec.convert(describe_run(run), Run)


def require_valid(operator: Operator) -> None:
    """Refuse if the token was revoked since the request came. Called right before anything is done."""
    if not is_valid(operator.token.pk):
        raise Refusal(
            401,
            "The token was revoked, or has expired, since the request came. Nothing was done.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )


# --- purging ----------------------------------------------------------------------------------------------


async def carry_out(order: PurgeOrder, operator: Operator) -> Outcome:
    """Survey, check the token once more, and purge. Raises Refusal."""
    has_begun = False

    async def check_token(planned: Outcome) -> None:
        nonlocal has_begun
        await sync_to_async(require_valid)(operator)
        has_begun = True

    try:
        return await run_purge(
            order.selection(),
            soft=order.soft,
            trigger=PurgeTrigger.API,
            started_by=operator.name,
            dry_run=order.dry_run,
            before=check_token,
        )
    except SurveyUnavailable as error:
        raise Refusal(503, f"Nothing was purged. {error}", headers=RETRY_HEADERS) from error
    except BadSelection as error:
        raise Refusal(422, str(error)) from error
    except (CacheError, RedisError, OSError) as error:
        effect = "Some processes may still serve what you purged" if has_begun else "Nothing was purged"
        reason = str(error).rstrip(".")
        raise Refusal(503, f"{effect}: {reason}. Send the request again.", headers=RETRY_HEADERS) from error


def read_order(request: HttpRequest, kind: Any) -> Any:
    """The order, which the audit gets as it was sent."""
    body = read_body(request)
    operator_of(request).order = body.decode("utf-8", "replace")
    return parse_order(body, kind)
