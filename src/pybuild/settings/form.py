"""Options and keys of ``--output`` → the form of the image."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pybuild.errors import UsageError
from pybuild.request import ImageOptions
from pybuild.settings.outputs import agree
from pybuild.settings.quantities import number
from pybuild.settings.values import Given, Values

_HIGHEST: Mapping[str, int] = MappingProxyType({"gzip": 9, "zstd": 22})
"""Each compression's highest level, as zlib and zstd count."""


def read_form(values: Values, form: Mapping[str, Given]) -> ImageOptions:
    """The form of the image.

    Args:
        values: Options; they may say the same as form and nothing else.
        form: What the outputs say.

    Raises:
        UsageError: Two of them contradict each other, or there is no such form.
    """
    compression = _settled("compression", values, form) or Given(("gzip",), "")
    level = _settled("compression-level", values, form)
    name = compression.values[-1]
    if name not in {*_HIGHEST, "uncompressed"}:
        raise UsageError(
            f"{compression.source}: the compression {name!r} is not supported",
            hint="take gzip, zstd or uncompressed",
        )
    return ImageOptions(
        compression=name,
        level=_level(level, name) if level else None,
        force=_truth("force-compression", form, default=False),
        oci_media_types=_truth("oci-mediatypes", form, default=True),
    )


def _level(given: Given, compression: str) -> int:
    level = number(given.values[-1], given.source)
    highest = _HIGHEST.get(compression)
    if highest is None:
        raise UsageError(f"{given.source}: compression={compression} has no level")
    if level > highest:
        raise UsageError(
            f"{given.source}: {compression} has the levels 0 to {highest}, not {level}"
        )
    return level


def _settled(name: str, values: Values, form: Mapping[str, Given]) -> Given | None:
    in_output, text = form.get(name), values.text(name)
    option = values.given(name)
    if option is None or not option.values or not option.values[-1]:
        return in_output
    if in_output:
        agree(in_output, text, name, option.source)
    return Given((text,), option.source)


def _truth(key: str, form: Mapping[str, Given], *, default: bool) -> bool:
    return form[key].values == ("true",) if key in form else default
