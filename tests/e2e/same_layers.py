"""One Dockerfile built in every place that is to give the same layers."""

import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tools import few_rights
from tools.services import machine, registries

EPOCH = "1700000000"

IN_PLACE = "in place"
OVERLAY = "overlay as root"
NAMESPACE = "overlay in a user namespace with a full map"
ONE_ID = "overlay in a user namespace with one id"

_RIGHTS = {
    OVERLAY: few_rights.ROOT,
    NAMESPACE: few_rights.MANY_IDS[0],
    ONE_ID: few_rights.ROOT_OF_ONE_ID,
}


@dataclass(frozen=True)
class Built:
    """What a build wrote: an OCI layout, and its log."""

    layout: Path
    log: str

    @property
    def layers(self):
        """Digests of the layers of the one image."""
        (image,) = self._json("index.json")["manifests"]
        manifest = self._json(self._blob(image["digest"]))
        return [layer["digest"] for layer in manifest["layers"]]

    def members(self, number):
        """Name → entry and bytes of a layer."""
        with tarfile.open(self.layout / self._blob(self.layers[number])) as tar:
            return {
                member.name: (member, tar.extractfile(member).read() if member.isreg() else b"")
                for member in tar
            }

    def _blob(self, digest):
        return f"blobs/sha256/{digest.removeprefix('sha256:')}"

    def _json(self, path):
        return json.loads((self.layout / path).read_text())


def build(run_image, place, project, folder, *arguments, umask="022"):
    """Build a project in a place, with a state directory of its own below a new folder."""
    folder.mkdir()
    mirror = f"docker.io={registries.OPEN.host}"
    command = ["build", "--no-cache", "--rewrite-timestamp", "--registry-mirror", mirror]
    command += arguments
    if place == IN_PLACE:
        done = _in_container(run_image, command, project, folder, umask)
    else:
        done = _on_the_host(_RIGHTS[place], command, project, folder, umask)
    assert done.returncode == 0, done.stderr
    assert "CACHED" not in done.stderr
    return Built(folder / "layout", done.stderr)


def _in_container(run_image, command, project, folder, umask):
    output = ["--rootfs", "inplace", "--output", "type=oci,dest=/builds/layout,tar=false", "."]
    return run_image(
        ["-c", f'umask {umask}; exec pybuild "$@"', "sh", *command, *output],
        entrypoint="/bin/sh",
        mounts={project: "/workspace:ro", folder: "/builds"},
        env={"SOURCE_DATE_EPOCH": EPOCH},
    )


def _on_the_host(kind, command, project, folder, umask):
    with few_rights.rights(kind) as rights:
        return subprocess.run(
            [
                *("setpriv", *rights, sys.executable, "-I", "-m", "pybuild.cli.main", *command),
                *("--rootfs", "overlay", "--output", f"type=oci,dest={folder}/layout,tar=false"),
                *("--state-dir", folder / "state", project),
            ],
            cwd=machine.ROOT,
            env={"SOURCE_DATE_EPOCH": EPOCH, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/"},
            umask=int(umask, 8),
            check=False,
            capture_output=True,
            text=True,
        )
