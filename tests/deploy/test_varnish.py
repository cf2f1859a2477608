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
SUB = re.compile(r"^sub (\w+) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)


@pytest.fixture
def varnishtest(tmp_path):
    program = binary("varnishtest")
    if not glob(XKEY):
        absent("varnish-modules is not installed")

    def run(scenario: str) -> None:
        """The servers s1 and s2 of the scenario are the backends. Fails if it does."""
        rules = RULES.read_text()
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


def test_what_is_stored_is_as_documented():
    """docs/cdn.md explains these rules, and its tests run them with the site."""
    documented, deployed = (dict(SUB.findall(text)) for text in (read_documented_rules(), RULES.read_text()))
    for name in ("vcl_backend_response", "vcl_deliver"):
        assert deployed[name] == documented[name]
