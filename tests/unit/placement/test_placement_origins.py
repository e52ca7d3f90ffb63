"""Where entries come from: whatever was said last of a path."""

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from pybuild.placement.origins import Origin, Origins

PATHS = st.sampled_from([b"", b"a", b"b", b"d/a", b"d/b", b"d/e/a"])
ORIGINS = st.none() | st.builds(
    Origin,
    st.sampled_from([None, 0, 1]),
    st.sampled_from([b"", b"a", b"s/a", b"s/b", b"t/a", b"7"]),
)


@settings(deadline=None)
@given(st.lists(st.tuples(PATHS, ORIGINS), max_size=20))
def test_an_origin_is_what_was_set_last(settings):
    origins, expected = Origins(), {}
    for path, origin in settings:
        origins.set(path, origin)
        expected[path] = origin
    assert {path: origins.get(path) for path in expected} == expected


def test_files_that_keep_their_names_take_no_memory():
    origins = Origins()
    tracemalloc.start()
    for number in range(5000):
        origins.set(b"to/%05d" % number, Origin(0, b"from/%05d" % number))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 5000
