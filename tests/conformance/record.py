"""Record goldens: ``PYTHONPATH=tests python -m conformance.record ROOT [CASE...]``.

Builds the cases, or those named, by the docker that ``tools/peers.sh ROOT start`` has started. A
case that should be built and is refused, or the other way round, is reported; its golden stays.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from conformance import golden
from conformance.case_file import Case, cases
from conformance.image_tree import Layout
from conformance.observation import BASES, observe
from conformance.own_bases import ensure_own_bases
from conformance.places import Places
from conformance.servers import serving
from tools.services import daemon, programs, registries

PEERS = Path(__file__).parents[1] / "tools" / "peers.sh"
BUILDS_AT_ONCE = 3

# What reads Dockerfiles in BuildKit 0.26; docker 28 reads them with that of 0.25.
FRONTEND = "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend@v0.26.3"
FRONTEND_DOCKERFILE = """\
FROM scratch
LABEL moby.buildkit.frontend.network.none="true" \\
  moby.buildkit.frontend.caps="moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,\
moby.buildkit.frontend.contexts,moby.buildkit.frontend.gitquerystring"
COPY dockerfile-frontend /bin/
ENTRYPOINT ["/bin/dockerfile-frontend"]
"""


class Refused(Exception):  # noqa: N818 - an answer of the oracle's, not an error of ours
    """A command of the oracle's has failed."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        last = output.strip().splitlines()[-1]
        chance = r"(?<=ref )\S+|/\S+/buildkit\d+(?=/)| \(did you mean .*\)"
        self.message = re.sub(chance, "", last)


class Oracle:
    """Docker of another folder, with the same base images as the tests."""

    def __init__(self, root: str) -> None:
        self._command = [PEERS, root, "docker"]

    def prepare(self) -> None:
        """Give it the base images; ``FROM busybox`` is then the one of the tests."""
        with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
            daemon.docker("save", "--output", archive.name, *BASES)
            self._docker("load", "--quiet", "--input", archive.name)

    def version(self) -> str:
        """Its name and version."""
        return f"docker {self._docker('version', '--format', '{{.Server.Version}}')}, BuildKit"

    def prepare_frontend(self) -> None:
        """Have the newer frontend in the open registry."""
        program = programs.program("dockerfile-frontend")
        if not program.exists():
            environment = {**os.environ, "GOBIN": str(program.parent), "CGO_ENABLED": "0"}
            subprocess.run([programs.go(), "install", FRONTEND], check=True, env=environment)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "Dockerfile").write_text(FRONTEND_DOCKERFILE)
            shutil.copy(program, folder)
            self._docker("buildx", "build", "--push", "--tag", frontend_image(), folder)

    def judge(self, case: Case, folder: Path, places: Places) -> dict[str, Any]:
        """What it makes of a case, or why it refuses it."""
        # BuildKit takes files of one size and time in folders of one name for the same.
        context = folder / uuid.uuid4().hex
        case.write(context, places)
        started = time.time()
        try:
            self._docker(
                *("buildx", "build", "--no-cache", "--network", "host", "--provenance=false"),
                *("--output", f"type=oci,tar=false,dest={folder / 'image'}"),
                *(["--build-arg", f"BUILDKIT_SYNTAX={frontend_image()}"] if case.frontend else []),
                *(*case.flags_for(context, places), str(context)),
                env=dict(case.env),
            )
        except Refused as refused:
            if not case.is_refused:
                raise
            return {"refused": places.hide(refused.message, case.name)}
        if case.is_refused:
            raise Refused("it was built")
        observed = observe(Layout(folder / "image"), started, directory_times=case.is_about_times)
        return places.hide(observed, case.name)

    def _docker(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            env={**os.environ, **(env or {})},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout.strip()


def frontend_image() -> str:
    """The name of the newer frontend."""
    return f"{registries.OPEN.host}/conformance/dockerfile:{FRONTEND.rpartition('@')[2]}"


def main(root: str, names: list[str]) -> int:
    """Record the goldens of these cases, or of all; gives the number of those not recorded."""
    oracle = Oracle(root)
    oracle.prepare()
    ensure_own_bases()
    version = oracle.version()
    known = [case for case in cases() if not case.by_hand]
    selected = [case for case in known if not names or case.name in names]
    if any(case.frontend for case in selected):
        oracle.prepare_frontend()
    with tempfile.TemporaryDirectory() as folder, serving(selected, Path(folder)) as places:
        return record_all(oracle, version, selected, places)


def record_all(oracle: Oracle, version: str, selected: list[Case], places: Places) -> int:
    """Record goldens; gives the number of those not recorded."""

    def record(case: Case) -> bool:
        try:
            with tempfile.TemporaryDirectory() as folder:
                judged = oracle.judge(case, Path(folder), places)
        except Refused as refused:
            sys.stderr.write(f"{case.name}: not what was expected\n{refused}\n")
            return False
        frontend = f", Dockerfile frontend {case.frontend}" if case.frontend else ""
        golden.write(case.name, {"oracle": version + frontend, "rule": case.rule, **judged})
        sys.stderr.write(f"{case.name}: {case.rule}\n")
        return True

    with ThreadPoolExecutor(BUILDS_AT_ONCE) as pool:
        return list(pool.map(record, selected)).count(False)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1], sys.argv[2:])))
