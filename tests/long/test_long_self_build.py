"""All the tests that run inside, in the image that the image built."""

import pytest

from e2e import inside

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.mark.parametrize("tests", inside.TESTS)
def test_every_test_inside_passes_in_the_image_that_built_itself(self_built, tmp_path, tests):
    inside.passes(self_built.reference, tmp_path / "inside", tests)
