"""A build on the image of odd layers, and what other tools find in its result."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tools import odd_layers, tree_listing
from tools.odd_layers import Odd
from tools.services.programs import program


def build(run_image: Callable[..., subprocess.CompletedProcess[str]], odd: Odd, host: str) -> str:
    """Push the base, build on it in a plain container, and give the result's name."""
    base, result = f"{host}/odd/base:v1", f"{host}/odd/result:v1"
    odd_layers.push(odd, base)
    script = odd_layers.RUN.strip().replace("\n", "; \\\n")
    (odd.context / "Dockerfile").write_text(
        f'FROM {base}\nSHELL ["/bin/busybox", "sh", "-ec"]\nCOPY tree /copied\nRUN {script}\n'
    )
    done = run_image(
        ["build", "--push", "--tag", result, "/workspace"], mounts={odd.context: "/workspace:ro"}
    )
    assert done.returncode == 0, done.stderr
    return result


def validate(reference: str) -> None:
    """Have crane recompute every digest and size in the registry."""
    command = [program("crane"), "validate", "--remote", reference]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def unpacked(reference: str, folder: Path) -> Path:
    """Fetch an image by skopeo, unpack it by umoci, and give its root filesystem."""
    layout, bundle = folder / "layout", folder / "bundle"
    copy = ["skopeo", "copy", "--quiet", "--src-tls-verify=false"]
    unpack = ["umoci", "unpack", "--image", f"{layout}:v1", bundle]
    for command in ([*copy, f"docker://{reference}", f"oci:{layout}:v1"], unpack):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return bundle / "rootfs"


def differences(root: Path, odd: Odd) -> list[str]:
    """What a root filesystem and the twin do not have in common."""
    old = odd_layers.OLD_S + 1
    found, wanted = (tree_listing.listing(tree, old) for tree in (root, odd.twin))
    assert len(wanted) > odd.files - odd_layers.FILES_A_DIRECTORY
    return tree_listing.differences(found, wanted)
