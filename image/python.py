"""Copy the interpreter, its library and the packages, without what the program never imports."""

import shutil
import sys
from pathlib import Path

from image.layout import Layout, python_version

# Never imported by us or by our dependencies, or able to steer the interpreter from outside
# (`sitecustomize` is a link into /etc, where a foreign image's file would stand).
UNUSED_STDLIB = (
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip",
    "lib2to3", "pydoc_data", "venv", "curses", "dbm", "sqlite3", "crypt.py", "config-*",
    "site-packages", "dist-packages", "sitecustomize.py", "EXTERNALLY-MANAGED", "_test*", "xx*",
    "_tkinter*", "_curses*", "_sqlite3*", "_dbm*", "_gdbm*", "_crypt*", "nis.*", "ossaudiodev*",
    "audioop*", "readline*", "_codecs_*",
)  # fmt: skip

# `tests`: actions-toolkit's wheel installs its own as a top-level package.
UNUSED_PACKAGES = ("__pycache__", "tests", "bin", "pip*", "setuptools*", "*.pyi")

# boto3 is used for these services; a service's description is found by the folder's name.
AWS_SERVICES = {"s3", "sts", "ecr", "ecr-public", "sso", "sso-oidc"}


def copy_python(site: Path, layout: Layout) -> None:
    """Copy the interpreter under its new name, its standard library, and the packages in `site`."""
    layout.interpreter.parent.mkdir(parents=True, exist_ok=True)
    version = python_version()
    shutil.copy2(Path(sys.base_prefix) / "bin" / f"python{version}", layout.interpreter)

    shutil.copytree(
        Path(sys.base_prefix) / "lib" / f"python{version}",
        layout.stdlib,
        symlinks=True,
        ignore=shutil.ignore_patterns(*UNUSED_STDLIB),
    )
    shutil.copytree(
        site, layout.packages, symlinks=True, ignore=shutil.ignore_patterns(*UNUSED_PACKAGES)
    )
    prune_aws(layout.packages)


def prune_aws(packages: Path) -> None:
    """Keep the descriptions of the services we talk to, and the files all services share."""
    for entry in (packages / "botocore" / "data").iterdir():
        if entry.is_dir() and entry.name not in AWS_SERVICES:
            shutil.rmtree(entry)
    for folder in ("boto3/examples", "boto3/data"):
        shutil.rmtree(packages / folder, ignore_errors=True)
