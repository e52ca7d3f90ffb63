"""COPY and ADD in a build: what is found, what is unpacked, what is in the step's key."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.engine.context import SourceFiles
from pybuild.engine.copy import copied_digest
from pybuild.errors import DockerfileError
from pybuild.events import BuildWarning
from pybuild.graph.plan import CopyAction, Files, FromContext
from pybuild.ports import FetchedRemote
from tools.engine_bench import Bench, scan


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    (made.context / "docs").mkdir()
    for name in ("docs/a.md", "docs/b.txt", "f", "data.bin"):
        (made.context / name).write_text(name)
    archive(made.context / "a.tgz", "d/x", "y")
    return made


def archive(place, *names, **fields):
    with tarfile.open(place, "w:gz") as made:
        for name in names:
            info = tarfile.TarInfo(name)
            info.mtime, info.uid = 7, 0
            for field, value in fields.items():
                setattr(info, field, value)
            info.size = len(name) if info.isreg() else 0
            made.addfile(info, io.BytesIO(name.encode()))


@dataclass
class Fetched:
    """``ports.Remotes`` of one source."""

    directory: Path
    name: str = ""

    def identify(self, _remote):
        return b"it"

    def fetch(self, _remote):
        return FetchedRemote(self.directory, self.name)


def tree(bench):
    root = bench.rootfs.place / "stage-0"
    return {
        str(place.relative_to(root)): place.read_text() if place.is_file() else None
        for place in sorted(root.rglob("*"))
    }


def build(bench, *lines, remotes=None):
    bench.build("FROM scratch\n" + "\n".join(lines) + "\n", remotes=remotes)
    return tree(bench)


def test_an_archive_is_unpacked_where_other_files_are_copied(bench):
    assert build(bench, "ADD f a.tgz data.bin /n/") == {
        "n": None, "n/d": None, "n/d/x": "d/x", "n/data.bin": "data.bin", "n/f": "f", "n/y": "y",
    }  # fmt: skip


def test_nothing_is_left_of_an_archive_beside_the_image(bench):
    build(bench, "ADD a.tgz /n/")
    assert list((bench.place / "build1" / "scratch").iterdir()) == []


@pytest.mark.parametrize("line", ["COPY a.tgz /n/", "ADD --unpack=false a.tgz /n/"])
def test_an_archive_is_copied_as_it_is_where_nobody_unpacks(bench, line):
    bench.build(f"FROM scratch\n{line}\n")
    copied = bench.rootfs.place / "stage-0" / "n" / "a.tgz"
    assert copied.read_bytes() == (bench.context / "a.tgz").read_bytes()


def test_a_hard_link_to_a_file_of_the_image_is_one(bench):
    archive(bench.context / "h.tgz", "a", type=tarfile.LNKTYPE, linkname="f", mode=0o600)
    assert build(bench, "COPY f /", "ADD h.tgz /") == {"a": "f", "f": "f"}
    root = bench.rootfs.place / "stage-0"
    assert (root / "a").stat().st_ino == (root / "f").stat().st_ino


def test_a_here_document_is_a_file(bench):
    found = build(bench, "COPY f <<one <<two /n/", "1", "one", "2", "two")
    assert found == {"n": None, "n/f": "f", "n/one": "1\n", "n/two": "2\n"}


def test_a_here_document_with_a_directory_in_its_name_is_refused(bench):
    with pytest.raises(DockerfileError, match="open /a/b: no such file or directory") as caught:
        build(bench, "COPY <<a/b /n/", "1", "a/b")
    assert ">>> COPY <<a/b /n/" in caught.value.excerpt


def test_a_fetched_file_is_0600_with_its_own_name_or_the_destinations(bench, tmp_path):
    (tmp_path / "r").write_text("far")
    (tmp_path / "r").chmod(0o777)
    remotes = Fetched(tmp_path, "r")
    line = "ADD https://example.com/r /n"
    assert build(bench, line, remotes=remotes) == {"n": "far"}
    assert (bench.rootfs.place / "stage-0" / "n").stat().st_mode & 0o777 == 0o600
    assert build(bench, line + "/", remotes=remotes) == {"n": None, "n/r": "far"}


@pytest.mark.parametrize(("flag", "found"), [("", ["a.tgz"]), ("--unpack=true", ["d", "d/x", "y"])])
def test_a_fetched_archive_is_unpacked_where_that_is_asked_for(bench, flag, found):
    remotes = Fetched(bench.context, "a.tgz")
    bench.build(f"FROM scratch\nADD {flag} https://example.com/a.tgz /n/\n", remotes=remotes)
    root = bench.rootfs.place / "stage-0" / "n"
    assert sorted(str(one.relative_to(root)) for one in root.rglob("*")) == found


def test_of_a_repository_the_contents_are_copied(bench, tmp_path):
    repository = tmp_path / "repository"
    (repository / "sub").mkdir(parents=True, mode=0o700)
    (repository / "run").write_text("!")
    (repository / "run").chmod(0o700)
    (repository / "sub/l").symlink_to("../run")
    found = build(bench, "ADD https://example.com/r.git /n", remotes=Fetched(repository))
    assert found == {"n": None, "n/run": "!", "n/sub": None, "n/sub/l": "!"}
    root = bench.rootfs.place / "stage-0" / "n"
    modes = {
        place.name: place.stat().st_mode & 0o777 for place in (root, root / "run", root / "sub")
    }
    assert modes == {"n": 0o755, "run": 0o755, "sub": 0o755}


def test_a_linked_copy_replaces_links_and_knows_no_names(bench):
    (bench.context / "base/etc").mkdir(parents=True)
    (bench.context / "base/etc/passwd").write_text("u:x:7:8::/:\n")
    (bench.context / "base/lib").symlink_to("usr/lib")
    found = build(bench, "COPY base /", "COPY --link --chown=u f /lib/f")
    assert "lib/f" in found
    assert "usr" not in found
    assert not (bench.rootfs.place / "stage-0" / "lib").is_symlink()
    warnings = [event for event in bench.events if isinstance(event, BuildWarning)]
    assert [warning.message for warning in warnings] == [
        "--chown=u: the image's passwd or group file has no 'u', 0 is used"
    ]


def test_link_means_nothing_beside_chmod(bench):
    (bench.context / "base/usr/lib").mkdir(parents=True)
    (bench.context / "base/lib").symlink_to("usr/lib")
    found = build(bench, "COPY base /", "COPY --link --chmod=600 f /lib/f")
    assert "usr/lib/f" in found


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("COPY dosc/a.md /", '"/dosc/a.md": not found', 'did you mean "/docs/a.md"?'),
        ("COPY hidden /", '"/hidden": not found', "it is there, but .dockerignore leaves it out"),
        ("COPY --parents nothing /", '"/nothing": not found',
         "check the path against the context's root, and .dockerignore"),
        ("COPY --parents . /", '"/": not found',
         "it is there, but --parents with --exclude or without a name takes nothing of it"),
        ("COPY --exclude=[ docs /", "invalid excludepatterns: [[]: syntax error in pattern", ""),
        ("COPY --parents docs/[ /", "invalid includepatterns: [docs/[]: syntax error in pattern",
         ""),
        ("COPY --chmod=u=q f /", "invalid chmod parameter: 'u=q': invalid syntax", ""),
        ("COPY docs /n\nCOPY docs /n/a.md", "cannot copy to non-directory: /n/a.md", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_copied_is_said_with_its_line(bench, line, message, hint):
    (bench.context / "hidden").write_text("")
    with pytest.raises(DockerfileError) as caught:
        bench.build(f"FROM scratch\n{line}\n", ignore="hidden")
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert ">>> COPY" in caught.value.excerpt


def digest(bench, *paths, **flags):
    part = Files(FromContext(), paths)
    action = CopyAction((part,), "/", "/", "", "", add=False, **flags)
    everything = scan(bench.context, IgnorePatterns.parse(""))
    return copied_digest(action, part, SourceFiles(everything, bench.context))


CHANGES = {
    "a file": lambda context: (context / "docs/b.txt").write_text("new"),
    "another file": lambda context: (context / "docs/a.md").write_text("new"),
    "a mode": lambda context: (context / "docs/b.txt").chmod(0o755),
    "a directory's mode": lambda context: (context / "docs").chmod(0o700),
    "a name": lambda context: (context / "docs/c").write_text(""),
    "something else": lambda context: (context / "f").write_text("new"),
}


@pytest.mark.parametrize(
    ("paths", "flags", "noticed"),
    [
        (["docs"], {}, {"a file", "another file", "a mode", "a directory's mode", "a name"}),
        (["docs"], {"exclude": ("*.md", "c")}, {"a file", "a mode", "a directory's mode"}),
        (["docs/b.txt"], {"parents": True}, {"a file", "a mode", "a directory's mode"}),
        (["docs/./*.txt"], {"parents": True}, {"a file", "a mode", "a directory's mode"}),
        (["**/*.md"], {"parents": True}, {"another file", "a directory's mode"}),
        (["docs/*.txt"], {}, {"a file", "a mode"}),
    ],
)
def test_a_key_holds_what_is_copied_and_nothing_else(bench, paths, flags, noticed):
    found = set()
    for name, change in CHANGES.items():
        before = digest(bench, *paths, **flags)
        change(bench.context)
        if digest(bench, *paths, **flags) != before:
            found.add(name)
    assert found == noticed


def test_a_key_holds_nothing_of_times(bench):
    before = digest(bench, "docs")
    (bench.context / "docs/a.md").touch()
    assert digest(bench, "docs") == before
