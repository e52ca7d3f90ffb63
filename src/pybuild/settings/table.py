"""The options of a build, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pybuild.settings.image_options import IMAGE_OPTIONS
from pybuild.settings.option import Option
from pybuild.settings.program_options import PROGRAM_OPTIONS
from pybuild.settings.registry_options import REGISTRY_OPTIONS
from pybuild.settings.run_options import RUN_OPTIONS

OPTIONS: tuple[Option, ...] = (
    *IMAGE_OPTIONS,
    *RUN_OPTIONS,
    *REGISTRY_OPTIONS,
    *PROGRAM_OPTIONS,
)

BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})

FRONT_END_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "PYBUILD_RESULT_DIGEST": "File for the Tekton result IMAGE_DIGEST.",
        "PYBUILD_RESULT_URL": "File for the Tekton result IMAGE_URL.",
    }
)
"""Variables of one front end that are no option of a build."""
