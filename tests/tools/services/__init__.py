"""What the end-to-end tests need on a machine, set up on demand: packages, a daemon,
registries, images, programs.

``PYTHONPATH=tests python3 -m tools.services [PIECE...]`` sets pieces up by hand. Everything is
idempotent, and kept in one cache folder (``$PYBUILD_TEST_CACHE``, else
``~/.cache/pybuild-tests``), so that only the first run is slow.
"""
