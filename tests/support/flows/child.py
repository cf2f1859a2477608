"""A process that answers lines of JSON, and the one that asks it."""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from tests.support.warm_process import WarmProcess

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def serve_lines(make: Callable[[], Answer]) -> None:
    """In the child: answer until the input ends. All other output goes to the errors."""
    import os

    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django

    django.setup()
    answer = make()
    print(json.dumps({}), file=output)
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except Exception:
            result = {"error": traceback.format_exc()}
        print(json.dumps(result), file=output)


class Child:
    """Started at once, ready when it first answers."""

    def __init__(self, module: str, *words: str, environment: dict[str, str]) -> None:
        self.name = " ".join([module, *words])
        # Answers that are due; those that nobody has waited for are of a test that failed.
        self.due = 1
        self.process = WarmProcess(["-m", f"tests.support.flows.{module}", *words], environment, is_piped=True)

    def send(self, **command: Any) -> None:
        assert self.process.stdin is not None
        while self.due:
            self.next_line()
        self.due += 1
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def next_line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.name} has ended"
        self.due -= 1
        return line

    def receive(self) -> dict[str, Any]:
        answer = json.loads(self.next_line())
        assert "error" not in answer, f"{self.name}: {answer['error']}"
        return answer

    def ask(self, **command: Any) -> dict[str, Any]:
        self.send(**command)
        return self.receive()

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
