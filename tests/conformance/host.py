"""Cases built by ours on this machine, by overlay: what a plain container cannot do."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.action import Built
from conformance.case_file import Case
from conformance.own_bases import ensure_own_bases
from conformance.servers import serving
from tools.services import machine, registries

TIMEOUT_S = 120


def build(
    cases: Sequence[Case],
    folder: Path,
    *,
    before: Sequence[str] = (),
    flags: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> dict[str, Built]:
    """Build cases, by name, one by one.

    Args:
        cases: Which ones.
        folder: Where contexts, images and the builder's state go.
        before: A command that starts the builder, with its arguments.
        flags: Of every build.
        env: Variables of every build.
    """
    ensure_own_bases()
    results = {}
    with serving(cases, folder / "served") as places:
        for case in cases:
            context, image = folder / "contexts" / case.name, folder / "images" / case.name
            case.write(context, places)
            image.mkdir(parents=True)
            started = time.time()
            done = subprocess.run(
                [
                    *(*before, sys.executable, "-I", "-m", "pybuild.cli.main", "build"),
                    *("--no-cache", "--rootfs", "overlay", "--state-dir", str(folder / "state")),
                    *("--registry-mirror", f"docker.io={registries.OPEN.host}"),
                    *("--output", f"type=oci,tar=false,dest={image / 'image'}", *flags),
                    *(*case.flags_for(context, places), str(context)),
                ],
                cwd=machine.ROOT,
                env={"PATH": os.environ["PATH"], "HOME": "/root", **(env or {}), **dict(case.env)},
                stdin=subprocess.DEVNULL,
                check=False,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
            results[case.name] = Built(image, done.returncode, done.stderr, started, places)
    return results
