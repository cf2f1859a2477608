"""Varnish compiles the rules of deploy/varnish, and behaves as they say."""

import re
import subprocess
from glob import glob
from pathlib import Path

import pytest

from tests.support.servers.process import absent, binary
from tests.support.servers.varnish import XKEY, read_documented_rules
from tests.support.targets import DEPLOY

RULES = DEPLOY / "varnish/evergreen.vcl"
PROBES = re.compile(r"^probe alive \{.*?^\}|\.probe = alive;", re.DOTALL | re.MULTILINE)
SUB = re.compile(r"^sub (\w+) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)


@pytest.fixture
def varnishtest(tmp_path):
    program = binary("varnishtest")
    if not glob(XKEY):
        absent("varnish-modules is not installed")

    def run(scenario: str, *, probes: bool = True) -> None:
        """The servers s1 and s2 of the scenario are the backends. Fails if it does."""
        rules = RULES.read_text()
        if not probes:
            rules = PROBES.sub("", rules)
        for name, host in {"s1": "127.0.0.1", "s2": "127.0.0.2"}.items():
            place = '.host = "{}";\n    .port = "{}";'
            rules = rules.replace(place.format(host, 8000), place.format(f"${{{name}_addr}}", f"${{{name}_port}}"))
        file = tmp_path / "scenario.vtc"
        file.write_text(scenario.replace("RULES}", f"\n{rules}\n}}"))
        done = subprocess.run([program, "-t", "30", "-v", str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-6000:]

    return run


def test_the_scenario_of_the_site(varnishtest):
    varnishtest(Path(__file__).with_name("evergreen.vtc").read_text())


@pytest.mark.slow
def test_a_backend_that_is_sick_gets_no_readers(varnishtest):
    """/healthz of the second fails three times; the first serves all."""
    varnishtest(
        """varnishtest "a sick backend"
server s1 -repeat 60 {
    rxreq
    txresp -hdr "CDN-Cache-Control: no-store" -hdr "Connection: close" -hdr "Who: one"
} -start
server s2 -repeat 40 {
    rxreq
    txresp -status 503 -hdr "Connection: close"
} -start
varnish v1 -vcl {RULES} -start
delay 5
client c1 -repeat 4 {
    txreq -url "/private/"
    rxresp
    expect resp.http.Who == "one"
} -run
"""
    )


ONE_FAILS = """varnishtest "one of two hosts fails"
server s1 {
    # It ends the connection.
    rxreq
    accept
    # It dies within a page.
    rxreq
    txresp -hdr "CDN-Cache-Control: max-age=300" -hdr "Content-Type: text/html" -nolen -hdr "Content-Length: 999"
    send "half"
    accept
    # It hangs.
    rxreq
    delay 2.5
    accept
    # It gets an order, and ends the connection.
    rxreq
} -start
server s2 {
    loop 4 {
        rxreq
        txresp -hdr "CDN-Cache-Control: no-store" -hdr "Who: two"
    }
} -start
varnish v1 -vcl {RULES} -start
client c1 {
    # Each chooses the first host.
    loop 3 {
        timeout 2
        txreq -url "/posts/a/" -hdr "X-Request-ID: 0"
        rxresp
        expect resp.status == 200
        expect resp.http.Who == "two"
    }
    timeout 10
    txreq -method POST -url "/ops/orders/" -hdr "X-Request-ID: 0"
    rxresp
    expect resp.status == 503
    # The other host still waits for a fourth request.
    txreq -url "/posts/a/" -hdr "X-Request-ID: 2"
    rxresp
    expect resp.http.Who == "two"
} -run
"""


def test_a_reader_gets_the_page_of_another_host_and_a_form_is_sent_once(varnishtest):
    """The host that ended the connection may have acted on the form. Probes would be counted as requests."""
    varnishtest(ONE_FAILS, probes=False)


# The page is 15 minutes old, and was fresh for five. Then both hosts are sick, though they answer.
NONE_IS_WELL = """varnishtest "no host is well"
server s1 -repeat 60 {
    rxreq
    txresp -hdr "CDN-Cache-Control: max-age=300, stale-while-revalidate=600, stale-if-error=86400" \\
        -hdr "Age: 299" -hdr "Connection: close" -hdr "Who: one"
} -start
server s2 -repeat 60 {
    rxreq
    txresp -status 500 -hdr "Connection: close"
} -start
varnish v1 -vcl {RULES} -start
varnish v1 -cliok "backend.set_health web1 healthy"
varnish v1 -cliok "backend.set_health web2 sick"
client c1 {
    txreq -url "/posts/a/"
    rxresp
    expect resp.http.Who == "one"
} -run
varnish v1 -cliok "backend.set_health web1 sick"
delay 1.2
client c1 -repeat 3 {
    txreq -url "/posts/a/"
    rxresp
    expect resp.status == 200
    expect resp.http.Who == "one"
    txreq -url "/posts/b/"
    rxresp
    expect resp.status == 503
} -run
varnish v1 -cliok "backend.set_health web2 healthy"
client c1 -repeat 3 {
    txreq -url "/posts/a/"
    rxresp
    expect resp.status == 200
    delay 0.1
} -run
"""


def test_a_stored_page_is_served_while_no_host_is_well_or_they_fail(varnishtest):
    varnishtest(NONE_IS_WELL)


def test_what_is_stored_is_as_documented():
    """docs/cdn.md explains these rules, and its tests run them with the site."""
    documented, deployed = (dict(SUB.findall(text)) for text in (read_documented_rules(), RULES.read_text()))
    for name in ("vcl_backend_response", "vcl_deliver"):
        assert deployed[name] == documented[name]
