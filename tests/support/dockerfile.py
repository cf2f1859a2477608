"""The steps of a Dockerfile, done in folders instead of containers: one folder a stage."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.service import ROOT

# Folders of the image. In commands they become folders of the stage.
FOLDERS = re.compile(r"(?<![\w/.])/(opt/venv|srv/evergreen|usr/local/bin/evergreen|var/lib/evergreen)")
# Commands that change a whole system: its users and packages.
OF_THE_SYSTEM = ("groupadd", "useradd", "install ", "apt-get", "rm ")


def read_steps(file: Path) -> Iterator[tuple[str, str]]:
    """Each instruction with its text, continued lines joined."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, text = line.partition(" ")
        if instruction:
            yield instruction, " ".join(text.split())


@dataclass
class Stage:
    """A folder with what the steps have put there."""

    root: Path
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"

    def path(self, name: str) -> Path:
        return self.root / os.path.join(self.folder, name).lstrip("/")

    def locate(self, text: str) -> str:
        return FOLDERS.sub(lambda found: f"{self.root}/{found[1]}", text)

    def variables(self) -> dict[str, str]:
        """The folder of this Python stands for that of the image's."""
        own = {name: self.locate(value) for name, value in self.environment.items()}
        base = os.path.dirname(os.path.realpath(sys.executable))
        path = own.pop("PATH", "").replace("$PATH", "")
        return {"HOME": str(self.root), "LANG": "C.UTF-8"} | own | {"PATH": f"{path}{base}:/usr/bin:/bin"}


def build(file: Path, folder: Path, **arguments: str) -> Stage:
    """Do all steps, with these build arguments. Returns the last stage. Raises CalledProcessError."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for instruction, text in read_steps(file):
        if instruction == "FROM":
            base, _, name = text.partition(" AS ")
            stage = stages[name] = begin_stage(folder / name, stages.get(base))
        elif instruction == "ARG":
            name, _, default = text.partition("=")
            stage.environment[name] = arguments.get(name, default.strip('"'))
        elif instruction == "ENV":
            stage.environment |= dict(word.split("=", 1) for word in text.split())
        elif instruction == "WORKDIR":
            stage.folder = text
            stage.path("").mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY":
            copy_files(text.split(), stage, stages)
        elif instruction == "RUN":
            run(text, stage)
        elif instruction == "USER":
            stage.user = text
    return stage


def begin_stage(root: Path, base: Stage | None) -> Stage:
    """A copy of the base, if that is a stage; else empty."""
    if base is None:
        root.mkdir()
        return Stage(root)
    shutil.copytree(base.root, root, symlinks=True)
    return Stage(root, base.folder, dict(base.environment), base.user)


def copy_files(words: list[str], stage: Stage, stages: dict[str, Stage]) -> None:
    options = dict(word[2:].split("=") for word in words if word.startswith("--"))
    source, target = (word for word in words if not word.startswith("--"))
    start = stages[options["from"]].path(source) if "from" in options else ROOT / source
    end = stage.path(target)
    end.parent.mkdir(parents=True, exist_ok=True)
    if start.is_dir():
        shutil.copytree(start, end, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(start, end)
    if "chmod" in options:
        end.chmod(int(options["chmod"], 8))


def run(text: str, stage: Stage) -> None:
    for command in text.split(" && "):
        if command.startswith(OF_THE_SYSTEM):
            continue
        subprocess.run(
            ["/bin/sh", "-ec", stage.locate(command)], env=stage.variables(), cwd=stage.path(""), check=True
        )
