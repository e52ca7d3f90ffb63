"""Record goldens: ``PYTHONPATH=tests python -m conformance.record ROOT [CASE...]``.

Builds the cases, or those named, by the docker that ``tools/peers.sh ROOT start`` has started. A
case that should be built and is refused, or the other way round, is reported; its golden stays.
"""

import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from conformance import golden
from conformance.case_file import Case, cases
from conformance.image_tree import Layout
from conformance.observation import BASES, observe
from tools.services import daemon

PEERS = Path(__file__).parents[1] / "tools" / "peers.sh"
BUILDS_AT_ONCE = 3


class Refused(Exception):  # noqa: N818 - an answer of the oracle's, not an error of ours
    """A command of the oracle's has failed."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        last = output.strip().splitlines()[-1]
        self.message = re.sub(r"(?<=ref )\S+|/\S+/buildkit\d+(?=/)", "", last)


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

    def judge(self, case: Case, folder: Path) -> dict[str, Any]:
        """What it makes of a case, or why it refuses it."""
        case.write(folder / "context")
        started = time.time()
        try:
            self._docker(
                *("buildx", "build", "--no-cache", "--network", "host", "--provenance=false"),
                *("--output", f"type=oci,tar=false,dest={folder / 'image'}"),
                *(*case.flags_for(folder / "context"), str(folder / "context")),
            )
        except Refused as refused:
            if not case.is_refused:
                raise
            return {"refused": refused.message}
        if case.is_refused:
            raise Refused("it was built")
        return observe(Layout(folder / "image"), started, directory_times=case.is_about_times)

    def _docker(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout.strip()


def main(root: str, names: list[str]) -> int:
    """Record the goldens of these cases, or of all; gives the number of those not recorded."""
    oracle = Oracle(root)
    oracle.prepare()
    version = oracle.version()
    selected = [case for case in cases() if not names or case.name in names]

    def record(case: Case) -> bool:
        try:
            with tempfile.TemporaryDirectory() as folder:
                judged = oracle.judge(case, Path(folder))
        except Refused as refused:
            sys.stderr.write(f"{case.name}: not what was expected\n{refused}\n")
            return False
        golden.write(case.name, {"oracle": version, "rule": case.rule, **judged})
        sys.stderr.write(f"{case.name}: {case.rule}\n")
        return True

    with ThreadPoolExecutor(BUILDS_AT_ONCE) as pool:
        return list(pool.map(record, selected)).count(False)


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1], sys.argv[2:])))
