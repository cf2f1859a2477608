"""The fleet follows the files of deploy/, and names what is missing."""

import shutil

import pytest

from project.fleet import programs
from project.fleet.layout import PORTS, Layout
from project.fleet.render import render_all, replace
from project.supervision import CannotStart

NEEDED = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def test_a_line_that_is_gone_from_deploy_is_named():
    with pytest.raises(ValueError, match="listen 80"):
        replace("listen 81;", {"listen 80;": "listen 1;"})


def test_programs_that_are_missing_are_named_together(monkeypatch):
    monkeypatch.setattr(programs, "PLACES", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotStart, match=r"nginx, varnishd.*apt install nginx.*Nothing was started"):
        programs.find_programs()


@NEEDED
def test_no_address_and_no_folder_of_a_server_is_left(tmp_path):
    layout = Layout(tmp_path, tmp_path / "run", 11_000, sentinel=True)
    render_all(layout, str(shutil.which("openssl")))
    for file in [*tmp_path.glob("nginx/**/*.conf"), *tmp_path.glob("sentinel*/*.conf"), *tmp_path.glob("etc/*.vcl")]:
        code = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
        for alien in ("example.org", "/etc/evergreen", "/srv/", "/var/", "/run/", "8000", " 80;", " 443", "6379"):
            assert alien not in code.replace("/etc/nginx/mime.types", ""), (file, alien)


def test_each_part_has_a_port_of_its_own(tmp_path):
    layout = Layout(tmp_path, tmp_path, 11_000)
    assert len({layout.port_of(name) for name in PORTS}) == len(PORTS)


@NEEDED
def test_a_second_start_keeps_secrets_and_certificate(tmp_path):
    layout = Layout(tmp_path, tmp_path / "run", 11_000)
    files = []
    for _ in range(2):
        render_all(layout, str(shutil.which("openssl")))
        secrets = [*layout.etc.glob("secrets/*"), *layout.etc.glob("tls/*")]
        files.append({file.name: file.read_text() for file in secrets})
        assert {file.stat().st_mode & 0o077 for file in secrets if file.name != "fullchain.pem"} == {0}
    assert files[0] == files[1]
    assert len(files[0]) == 5
