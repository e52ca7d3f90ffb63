"""Record what docker's checks say of each Dockerfile: ``python -m conformance.record_checks ROOT``.

ROOT is where ``tools/peers.sh`` has installed docker. The context has a .dockerignore that leaves
``ignored`` out.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).with_name("checks")
PEERS = Path(__file__).parent.parent / "tools/peers.sh"
IGNORED = "ignored\n"


def record(root: str) -> None:
    """Write a ``.json`` beside every ``.Dockerfile``."""
    for dockerfile in sorted(FOLDER.glob("*.Dockerfile")):
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            Path(folder, "Dockerfile").write_text(dockerfile.read_text())
            Path(folder, ".dockerignore").write_text(IGNORED)
            document = _checked(root, folder)
        found = [
            [one["ruleName"], one["location"]["ranges"][0]["start"]["line"], one["detail"]]
            for one in document.get("warnings") or ()
        ]
        text = json.dumps(sorted(found, key=lambda one: (one[1], one[0], one[2])), indent=1)
        dockerfile.with_suffix(".json").write_text(text + "\n")


def _checked(root: str, folder: str) -> dict:
    command = [PEERS, root, "docker", "buildx", "build", "--network", "host"]
    done = subprocess.run(
        [*command, "--call", "check,format=json", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout.startswith("{"):
        raise SystemExit(f"{folder}: {done.stderr}")
    document = json.loads(done.stdout)
    if document.get("buildError"):
        raise SystemExit(f"{Path(folder, 'Dockerfile').read_text()}{document['buildError']}")
    return document


if __name__ == "__main__":
    record(sys.argv[1])
