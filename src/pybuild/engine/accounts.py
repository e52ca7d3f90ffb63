"""Users and groups of a stage, from its own passwd and group files."""

from __future__ import annotations

import os

from pybuild.engine.job import Job
from pybuild.engine.live import LiveStage
from pybuild.errors import DockerfileError
from pybuild.graph.plan import Step
from pybuild.imagepath import ImagePath
from pybuild.tree.accounts import Account, UnknownAccount, resolve_chown, resolve_user
from pybuild.tree.entry import Kind
from pybuild.tree.links import LinkLoop, resolve

_PASSWD = ImagePath(b"etc/passwd")
_GROUP = ImagePath(b"etc/group")
_LARGEST = 4 << 20  # bytes; a larger file is not an account file


def find_account(user: str, step: Step, stage: LiveStage, job: Job) -> Account:
    """Who runs a RUN.

    Raises:
        DockerfileError: The image does not know the user or the group.
    """
    try:
        return resolve_user(user, _read(stage, _PASSWD), _read(stage, _GROUP))
    except UnknownAccount as error:
        raise DockerfileError(
            str(error),
            hint="create the user in an earlier RUN, or use its number",
            excerpt=job.excerpt(step),
        ) from None


def find_owner(
    asked_by: str, user: str, step: Step, stage: LiveStage | None, job: Job
) -> tuple[int, int]:
    """Who owns what a COPY or WORKDIR makes; an unknown name is 0, with a warning.

    Args:
        asked_by: What stands before the name, for the warning: ``--chown=`` or ``USER``.
        user: ``user[:group]``, names or numbers.
        step: The step that asks.
        stage: Whose files know the names; None is an empty image.
        job: Is warned.

    Raises:
        DockerfileError: A number is out of range.
    """
    numeric = user.replace(":", "").isdecimal()
    passwd, group = (None, None) if numeric else (_read(stage, _PASSWD), _read(stage, _GROUP))
    try:
        result = resolve_chown(user, passwd, group)
    except UnknownAccount as error:
        raise DockerfileError(str(error), excerpt=job.excerpt(step)) from None
    for name in result.unknown:
        job.tools.progress.warn(
            "UnknownChown",
            f"{asked_by}{user}: the image's passwd or group file has no {name!r}, 0 is used",
            job.inputs.dockerfile.file,
            step.location.first_line,
        )
    return result.uid, result.gid


def _read(stage: LiveStage | None, path: ImagePath) -> str | None:
    """A small file of the stage's tree, links followed inside it; None where there is none."""
    if stage is None:
        return None
    try:
        found = resolve(stage.index, path)
    except LinkLoop:
        return None
    entry = stage.index.get(found.relative)
    if entry is None or entry.kind is not Kind.FILE or entry.size > _LARGEST:
        return None
    place = stage.tree.directory() / os.fsdecode(found.relative)
    fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        return file.read().decode(errors="replace")
