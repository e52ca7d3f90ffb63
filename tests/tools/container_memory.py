"""How much memory a container has taken at most, the page cache left out."""

import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.services import daemon

CGROUPS = Path("/sys/fs/cgroup")
PLACES = ("memory/docker/{0}", "docker/{0}", "system.slice/docker-{0}.scope")
"""Of a container's cgroup: version 1; version 2 with docker's two drivers."""

COUNTED = frozenset({"total_rss", "total_shmem", "anon", "shmem"})
"""Lines of memory.stat: version 1's two of a whole tree, and version 2's. tmpfs counts as memory,
files that lie on a disk do not."""

INTERVAL_S = 0.01


class MemoryPeak:
    """Samples a container from its start to its end; a context manager.

    Attributes:
        peak_bytes: The most that was seen.
        samples: How often it was looked at.
    """

    def __init__(self, name: str) -> None:
        """Prepare to watch the container of this name, which is started in the block."""
        self._name = name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak_bytes = 0
        self.samples = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        statistics = self._find()
        while statistics and not self._ended.wait(INTERVAL_S):
            try:
                lines = statistics.read_text().splitlines()
            except OSError:  # the container has ended
                return
            pairs = (line.split() for line in lines)
            self.peak_bytes = max(
                self.peak_bytes, sum(int(value) for name, value in pairs if name in COUNTED)
            )
            self.samples += 1

    def _find(self) -> Path | None:
        command = [daemon.DOCKER, "inspect", "--format", "{{.Id}}", self._name]
        while not self._ended.wait(INTERVAL_S):
            asked = subprocess.run(command, check=False, capture_output=True, text=True)
            for place in PLACES:
                statistics = CGROUPS / place.format(asked.stdout.strip()) / "memory.stat"
                if asked.returncode == 0 and statistics.exists():
                    return statistics
        return None
