"""Whole builds of one Dockerfile by the action image, and what they pushed."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from e2e import images, projects
from tools.services.programs import program


@dataclass
class Build:
    """A build of a Dockerfile's text by the action image, and what it pushed."""

    run_image: object
    registry: object
    directory: Path
    reference: str

    def __call__(
        self, text, *, mounts=None, read_only=False, script=None, more=(), files=None, **options
    ):
        text = text.replace("{library}", f"{self.registry.host}/library")
        context = {"Dockerfile": text, "file": "context\n", **(files or {})}
        project = projects.project(self.directory, context)
        arguments = ["build", "--push", "--tag", self.reference, *more, "/workspace"]
        if script:
            line = f"pybuild {' '.join(arguments)}"
            arguments = ["-ec", script.replace("BUILD", line)]
            options["entrypoint"] = "/bin/sh"
        where = "/workspace:ro" if read_only else "/workspace"
        return self.run_image(arguments, mounts={project: where, **(mounts or {})}, **options)

    def files(self):
        """What the pushed image holds: bytes of files, targets of links, nothing else's."""
        command = [program("crane"), "export", self.reference, "-"]
        archive = subprocess.run(command, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            return {
                member.name: tar.extractfile(member).read() if member.isreg() else member.linkname
                for member in tar
            }

    @property
    def pushed(self):
        return images.has_tag(self.reference)


def succeeded(done):
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout
