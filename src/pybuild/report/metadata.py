"""Results and failures as documents: docker's metadata file, and what JSON logs say."""

from __future__ import annotations

from typing import Any

from pybuild.errors import PybuildError
from pybuild.request import BuildResult


def metadata_document(result: BuildResult) -> dict[str, Any]:
    """The metadata file with docker's keys (buildx ``--metadata-file``)."""
    document: dict[str, Any] = {
        "containerimage.config.digest": result.image_id,
        "containerimage.descriptor": result.manifest.to_json(),
        "containerimage.digest": result.digest,
    }
    if result.tags:
        document["image.name"] = ",".join(str(tag) for tag in result.tags)
    return document


def result_document(result: BuildResult) -> dict[str, Any]:
    """What a build made, in one object."""
    return {
        "digest": result.digest,
        "image_id": result.image_id,
        "size_bytes": result.size_bytes,
        "tags": [str(tag) for tag in result.tags],
        "pushed": [str(tag.pinned(result.digest)) for tag in result.pushed],
        "steps": len(result.steps),
        "cached": sum(step.cached for step in result.steps),
        "seconds": round(result.seconds, 3),
    }


def failure_document(error: PybuildError) -> dict[str, Any]:
    """Why a build failed; the class tells our exit codes from a command's own."""
    return {
        "class": type(error).__name__,
        "status": error.status,
        "message": error.message,
        "hint": error.hint,
    }
