"""Git repositories that tests make: a work tree that grows, and the bare copy that is served."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

TIME_S = 1_600_000_000
"""The committer's time of a first commit; each command after it is a second later."""

_IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "c",
    "GIT_COMMITTER_EMAIL": "c@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


class Origin:
    """A repository that grows, and its bare copy that is served.

    Attributes:
        work: Where files are changed.
        bare: What is served: ``srv/NAME`` below root.
    """

    def __init__(self, root: Path, name: str = "group/app.git") -> None:
        self.root = root
        self.work = root / "work" / name
        self.bare = root / "srv" / name
        self.work.mkdir(parents=True)
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        self._count = 0
        self._run(root, "init", "-q", "-b", "main", str(self.work))
        self._run(root, "init", "-q", "--bare", "-b", "main", str(self.bare))

    def commit(self, files: Mapping[str, str], *, links: Mapping[str, str] | None = None) -> str:
        """Write files and links, commit them, and say which commit that is."""
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name, target in (links or {}).items():
            (self.work / name).symlink_to(target)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def add_submodule(self, path: str, url: str, commit: str, **settings: str) -> None:
        """Have a submodule at a path, without fetching it; the next commit holds it."""
        section = f"submodule.{path}"
        for key, value in {"path": path, "url": url, **settings}.items():
            self.git("config", "-f", ".gitmodules", f"{section}.{key}", value)
        self.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        (self.work / path).mkdir(parents=True, exist_ok=True)

    def push(self, *refspecs: str) -> None:
        """Bring refs into the bare copy."""
        self.git("push", "-q", str(self.bare), *refspecs)

    def git(self, *arguments: str) -> str:
        """Run git in the work tree."""
        self._count += 1
        return self._run(self.work, *arguments)

    def _run(self, cwd: Path, *arguments: str) -> str:
        dates = {
            "GIT_COMMITTER_DATE": f"@{TIME_S + self._count} +0000",
            "GIT_AUTHOR_DATE": "@1 +0000",
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env={**os.environ, **_IDENTITY, **dates},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()
