"""The one tree of errors, split by who must act.

Each class fixes the exit code of ``pybuild build``; ``pybuild executor`` ends with 1 for all but a
RUN's own status, as Kaniko does. Only ``cli/`` and ``ci/`` catch, print and exit.
"""

from __future__ import annotations

from typing import ClassVar


class PybuildError(Exception):
    """What failed, on what, because of what; then a hint in the imperative.

    Attributes:
        message: One line without a full stop; never holds a secret.
        hint: What the user can do, or empty.
        excerpt: Lines of the Dockerfile with the failing ones marked, or empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", excerpt: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.excerpt = excerpt

    @property
    def status(self) -> int:
        """The exit code of the process that ends with this error."""
        return self.exit_code


class UsageError(PybuildError):
    """A flag, an input or an environment variable cannot be taken as given."""

    exit_code = 2


class DockerfileError(PybuildError):
    """The Dockerfile asks for something that is wrong or that we cannot honour."""

    exit_code = 3


class RegistryError(PybuildError):
    """A registry refused, failed or could not be reached."""

    exit_code = 5


class BlobMissing(RegistryError):  # noqa: N818 - names what happened, like StepFailed
    """A blob or manifest that something names is not in its repository.

    Whoever named it from a cache can take that back and make the thing anew.
    """


class IntegrityError(PybuildError):
    """Bytes are not what their digest says, or a RUN changed the builder."""

    exit_code = 6


class TreeChanged(IntegrityError):  # noqa: N818 - names what happened, like StepFailed
    """A RUN of another stage changed files that a step reads: it can be done once more."""


class HostUnsupported(PybuildError):  # noqa: N818 - the design's and the documentation's name
    """This place cannot run the step: names what is missing and how to grant it."""

    exit_code = 7


class ContextError(PybuildError):
    """The build context could not be fetched or read."""

    exit_code = 8


class StateError(PybuildError):
    """The state directory is full or cannot be used."""

    exit_code = 9


class StepFailed(PybuildError):  # noqa: N818 - the design's and the documentation's name
    """A RUN ended with a status other than 0, which becomes ours."""

    def __init__(self, message: str, *, status: int, hint: str = "", excerpt: str = "") -> None:
        super().__init__(message, hint=hint, excerpt=excerpt)
        self._status = status

    @property
    def status(self) -> int:
        """The command's own exit status; 128 + n where signal n ended it."""
        return self._status


class HookFailed(StepFailed):
    """A pre-build command ended with a status other than 0, which becomes ours."""


class Terminated(PybuildError):  # noqa: N818 - names what happened, like StepFailed
    """SIGTERM or SIGINT ended the build; nothing was pushed."""

    exit_code = 143
