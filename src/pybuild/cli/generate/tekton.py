"""The table of settings → the Tekton Task."""

from __future__ import annotations

from pybuild.ci.tekton import BUILD_ARGS
from pybuild.cli.generate.scalars import HEADER, quoted, sentence
from pybuild.settings.option import Form, Kind, Option
from pybuild.settings.table import OPTIONS

_OWN_PARAMS = """\
    - name: EXTRA_ARGS
      description: "Further flags of pybuild build, each an item: --platform=linux/amd64."
      type: array
      default: []
    - name: BUILDER_IMAGE
      description: "Image of the builder."
      type: string
      default: {image}
"""

_REST = """\
  workspaces:
    - name: source
      description: "Holds the context and the Dockerfile."
    - name: dockerconfig
      description: "Registry credentials: config.json or .dockerconfigjson."
      optional: true
  results:
    - name: IMAGE_DIGEST
      description: "Digest of the image just built."
    - name: IMAGE_URL
      description: "Name of the image just built."
  steps:
    - name: build-and-push
      image: $(params.BUILDER_IMAGE)
      workingDir: $(workspaces.source.path)
      command: [/pybuild/bin/pybuild, tekton]
      env:
        - name: PYBUILD_PUSH  # EXTRA_ARGS may hold --push=false
          value: "true"
        - name: PYBUILD_DOCKERCONFIG
          value: $(workspaces.dockerconfig.path)
        - name: PYBUILD_RESULT_DIGEST
          value: $(results.IMAGE_DIGEST.path)
        - name: PYBUILD_RESULT_URL
          value: $(results.IMAGE_URL.path)
"""

_END = """\
      computeResources:
        requests: {memory: 512Mi, cpu: 500m}
      securityContext:
        runAsUser: 0
"""


def task(image: str, version: str) -> str:
    """The file."""
    options = [option for option in OPTIONS if option.tekton]
    params = "".join(_param(option) for option in options)
    return (
        HEADER
        + _head(version)
        + f"  params:\n{params}"
        + _OWN_PARAMS.format(image=quoted(image))
        + _REST
        + "".join(_variable(option) for option in options if _is_variable(option))
        + _arguments(options)
        + _END
    )


def _head(version: str) -> str:
    return f"""\
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: pybuild
  labels:
    app.kubernetes.io/version: "{version}"
  annotations:
    tekton.dev/pipelines.minVersion: "0.50.0"
    tekton.dev/categories: Image Build
    tekton.dev/tags: image-build
    tekton.dev/displayName: "Build and push an image with pybuild"
    tekton.dev/platforms: "linux/amd64,linux/arm64"
spec:
  description: >-
    Builds a Dockerfile into an OCI image without a daemon and without privileges, and pushes it.
"""


def _param(option: Option) -> str:
    is_list = option.kind is Kind.LIST
    lines = [
        f"    - name: {option.tekton}",
        f"      description: {quoted(sentence(option.help))}",
        f"      type: {'array' if is_list else 'string'}",
    ]
    if option.tekton_default is not None:
        default = "[]" if is_list else quoted(option.tekton_default)
        lines.append(f"      default: {default}")
    return "\n".join(lines) + "\n"


def _is_variable(option: Option) -> bool:
    return option.form is Form.FLAG and option.kind is not Kind.LIST


def _variable(option: Option) -> str:
    return f"        - name: {option.variable}\n          value: $(params.{option.tekton})\n"


def _arguments(options: list[Option]) -> str:
    """Arrays must stand alone; the front end takes all items between its flag and ``--``."""
    lines = ["      args:", "        - $(params.EXTRA_ARGS[*])"]
    for option in options:
        if option.kind is Kind.LIST:
            lines += [f"        - {BUILD_ARGS}", f"        - $(params.{option.tekton}[*])"]
    lines.append("        - --")
    lines += [f"        - $(params.{o.tekton})" for o in options if o.form is Form.POSITIONAL]
    return "\n".join(lines) + "\n"
