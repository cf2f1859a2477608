"""Processor time of a part includes what its ended processes have used: PostgreSQL forks for each connection."""

import subprocess

from tests.benchmarks.fleet.usage import tree_seconds

SPIN = "while time.process_time() < 0.1: pass"


def test_the_time_of_children_is_counted_while_they_run_and_after_they_ended() -> None:
    child = f"python3 -c 'import sys, time\n{SPIN}\nprint(1, flush=True)\nsys.stdin.readline()'"
    command = f"{child}; echo 2; read line"
    with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        assert shell.stdout.readline() == "1\n"
        running = tree_seconds(shell.pid)
        shell.stdin.write("\n")
        shell.stdin.flush()
        assert shell.stdout.readline() == "2\n"
        ended = tree_seconds(shell.pid)
        shell.stdin.close()
    assert 0.09 <= running <= ended
    assert tree_seconds(shell.pid) == 0
