import pytest
from django.core.management import CommandError, call_command

from project.serving.options import Options

OUT_OF_BOUNDS = [
    ("--workers 0", "--workers is from 1 to 64."),
    ("--workers 65", "--workers is from 1 to 64."),
    ("--port 65536", "--port is from 0 to 65535."),
    ("--fd 2", "--fd is above 2: the first three are the terminal's."),
    ("--limit-concurrency 1", "--limit-concurrency is at least 2: with less, every request is refused."),
    ("--keyfile key.pem", "--keyfile needs a --certfile."),
    ("--certfile nowhere.pem", "The certificate nowhere.pem cannot be used (No such file or directory)."),
]


@pytest.mark.parametrize(("words", "sentence"), OUT_OF_BOUNDS)
def test_an_option_out_of_bounds_is_one_sentence(words, sentence):
    with pytest.raises(CommandError) as refused:
        call_command("serve", *words.split(), skip_checks=True)
    assert str(refused.value) == sentence


def test_options_survive_json():
    options = Options(host="::", port=0, workers=3, access_log=True, forwarded_allow_ips="10.0.0.0/8")
    assert Options.from_json(options.to_json()) == options
    assert Options().to_json() == "{}"
