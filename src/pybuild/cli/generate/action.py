"""The table of settings → ``action.yml``."""

from __future__ import annotations

from pybuild.cli.generate.scalars import HEADER, quoted, sentence
from pybuild.settings.option import Kind, Option
from pybuild.settings.table import OPTIONS

_OUTPUTS = {
    "digest": "Digest of the image's manifest, whether it was pushed or not.",
    "imageid": "Image ID: digest of the image's configuration.",
    "metadata": "Digest, descriptor and names as JSON, with docker's keys.",
}
_FORMS = {
    Kind.LIST: " One a line.",
    Kind.WORDS: " Separated by newlines, spaces or commas.",
}
_DEFAULTS = {"context": " Default: the workspace, where something has been checked out."}


def action(description: str) -> str:
    """The file."""
    inputs = "".join(_input(option) for option in OPTIONS if option.action)
    outputs = "".join(
        f"  {name}:\n    description: {quoted(text)}\n" for name, text in _OUTPUTS.items()
    )
    return (
        f"{HEADER}name: pybuild\n"
        f"description: {quoted(description)}\n"
        "branding:\n  icon: package\n  color: blue\n"
        f"inputs:\n{inputs}"
        f"outputs:\n{outputs}"
        "runs:\n"
        "  using: docker\n"
        "  image: Dockerfile\n"
        "  # Said although the image says it too: runners on Kubernetes read only this.\n"
        "  entrypoint: /pybuild/bin/pybuild\n"
    )


def _input(option: Option) -> str:
    text = sentence(option.help) + _FORMS.get(option.kind, "") + _DEFAULTS.get(option.name, "")
    # Without a default an input is empty, which leaves PYBUILD_* its turn; ours is in the text.
    if option.default:
        text += f" Default: {option.default}."
    return f"  {option.action}:\n    description: {quoted(text)}\n    required: false\n"
