"""The long tests use what the end-to-end tests use."""

from e2e.conftest import image, machine_ready, run_image, self_built

__all__ = ["image", "machine_ready", "run_image", "self_built"]
