"""Install what `pyproject.toml` depends on into one folder, without the libraries' own surplus."""

import subprocess
import sys
import tomllib
from pathlib import Path

# `actions-toolkit` requires PyGithub (34 MB with its compiled friends) for a module we never
# import; its `core` imports `requests` alone.
WITHOUT_REQUIREMENTS = "actions-toolkit"
IN_THEIR_PLACE = "requests"


def install(requirements: list[str], target: Path, *options: str) -> None:
    """Install requirements into a folder with the pip beside this interpreter."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, "--target", str(target), *options, *requirements], check=True)


def main(pyproject: Path, target: Path) -> None:
    """Install the project's dependencies, but not the project."""
    dependencies = tomllib.loads(pyproject.read_text())["project"]["dependencies"]

    alone = [each for each in dependencies if each.startswith(WITHOUT_REQUIREMENTS)]
    complete = [each for each in dependencies if each not in alone]

    install([*complete, IN_THEIR_PLACE], target)
    install(alone, target, "--no-deps")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
