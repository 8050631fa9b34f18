"""Replays the Dockerfile where there is no Docker: its lines are run, as root, in plain Debian roots.

    python tests/image/replay.py FOLDER [--then 'COMMAND']...

Each stage that runs anything gets a root made by debootstrap, with Debian's Python where the base image has its own;
RUN, COPY, ENV and ARG are carried out in order, and then the commands of `--then`, as they would run in the image. What
is copied out of an image that cannot be had here is a stub, and said to be one. FOLDER is removed at the end unless
`--keep` is given. Needs root, debootstrap (Debian's package) and dockerfile-parse; takes about ten minutes and 2 GB.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
BASE = re.compile(r"python:3\.11\.\d+-slim-(\w+)")
"""The base images that a Debian root stands in for: it is what they are made of, but for their build of Python."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SHELL = ("/bin/sh", "-e", "-c")
INSIDE = ("unshare", "--mount", "--propagation=private", *SHELL)
INSIDE += ('mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; exec chroot "$0" env -i "$@"',)
"""In a root, with processes and devices as a container has them; the mounts are gone with the command."""


@dataclass(slots=True)
class Stage:
    """One FROM and what follows it."""

    image: str
    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def stages_of(dockerfile: Path) -> list[Stage]:
    """The stages of a Dockerfile, images with their versions filled in."""
    found: list[Stage] = []
    given: dict[str, str] = {}
    for line in DockerfileParser(str(dockerfile), env_replace=False).structure:
        instruction, value = line["instruction"], line["value"]
        if instruction == "COMMENT":
            continue
        if instruction == "FROM":
            image, _, name = Template(value).substitute(given).partition(" AS ")
            found.append(Stage(image, name or "image", variables=dict(given)))
        elif not found:
            given |= dict([value.split("=", 1)])
        else:
            found[-1].lines.append((instruction, value))
    return found


class Replay:
    """The roots of one replay, by the names of their stages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._foreign: set[str] = set()

    def root(self, stage: Stage) -> Path:
        return self._folder / stage.name

    def stage(self, stage: Stage) -> None:
        """Carry out one stage."""
        base = BASE.fullmatch(stage.image)
        print(f"FROM {stage.image} AS {stage.name}", flush=True)
        if base is None:
            print("  is not to be had here: what is copied from it will be a stub", flush=True)
            self._foreign.add(stage.name)
            return
        self._debian(base[1], self.root(stage))
        for instruction, value in stage.lines:
            self._line(stage, instruction, value)

    def run(self, stage: Stage, command: str) -> None:
        """Run a command in the stage's root as RUN does; end the replay where it fails."""
        start = time.monotonic()
        given = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "SSL_CERT_FILE": CERTIFICATES}
        given |= {name: value for name, value in os.environ.items() if name.startswith("PIP_") and "LINKS" not in name}
        environment = [f"{name}={value}" for name, value in (given | stage.variables | stage.environment).items()]
        inside = [*INSIDE, str(self.root(stage)), *environment, *SHELL, command]
        done = subprocess.run(inside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        shown = done.stdout.splitlines()
        print("\n".join(f"    {line}" for line in (shown if done.returncode else shown[-12:])))
        print(f"  exit {done.returncode}, {time.monotonic() - start:.0f} s", flush=True)
        if done.returncode:
            raise SystemExit(f"failed: {command}")

    def _line(self, stage: Stage, instruction: str, value: str) -> None:
        print(f"{instruction} {value}", flush=True)
        if instruction == "RUN":
            self.run(stage, value)
        elif instruction == "COPY":
            self._copy(stage, shlex.split(value))
        elif instruction == "ENV":
            stage.environment |= dict([value.split("=", 1)])
        elif instruction == "ARG" and "=" in value:
            stage.variables |= dict([value.split("=", 1)])
        elif instruction not in ("ARG", "ENTRYPOINT"):
            raise SystemExit(f"{instruction} is not one that is replayed here")

    def _copy(self, stage: Stage, words: list[str]) -> None:
        *sources, target = [word for word in words if not word.startswith("--")]
        origin = next((word.partition("=")[2] for word in words if word.startswith("--from=")), "")
        inside = self.root(stage) / target.strip("/")
        if origin in self._foreign:
            print(f"  stub: {target}", flush=True)
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.touch()
            return
        for source in sources:
            found = (self._folder / origin if origin else ROOT) / source.strip("/")
            into = inside / found.name if target.endswith("/") else inside
            into.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, into, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                shutil.copy2(found, into)

    def _debian(self, suite: str, root: Path) -> None:
        packages = "python3,python3-venv,ca-certificates"
        command = ["debootstrap", "--variant=minbase", f"--include={packages}", suite, str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for name in ("/etc/resolv.conf", "/etc/hosts", CERTIFICATES):
            shutil.copyfile(name, f"{root}{name}")
        # Where Python's own images have theirs, with the same names.
        making = "apt-get install --yes -qq python3-dev && python3 -m venv /usr/local && pip install -q setuptools"
        self.run(Stage("", root.name), f"{making} && python --version")


def main() -> None:
    """Replay the Dockerfile, then the commands of `--then`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--then", action="append", default=[])
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("needs root, and debootstrap: apt-get install debootstrap")
    given.folder.mkdir(parents=True)
    replay = Replay(given.folder)
    try:
        for stage in (stages := stages_of(ROOT / "Dockerfile")):
            replay.stage(stage)
        for command in given.then:
            print(f"THEN {command}", flush=True)
            replay.run(stages[-1], command)
        size = subprocess.run(["du", "-sxm", replay.root(stages[-1])], capture_output=True, text=True, check=True)
        print(f"replayed; the image's root is {size.stdout.split()[0]} MB")
    finally:
        if not given.keep:
            shutil.rmtree(given.folder)


if __name__ == "__main__":
    main()
