"""RUNs in place, in a container of our own image with a runtime's default rights.

The tests themselves run inside (``inside/test_*_inside.py``); this starts them.
"""

import pytest

from e2e import inside


@pytest.mark.parametrize("tests", inside.TESTS)
def test_every_test_inside_passes_with_default_rights(image, tmp_path, tests):
    inside.passes(image, tmp_path / "inside", tests)
