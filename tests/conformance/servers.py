"""What the builds of cases fetch: files over HTTP, and git repositories."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path

from conformance.case_file import TIME, Case
from conformance.places import Places
from conformance.sections import Section, make
from tools.git_server import GitServer

MAIN = "main"
ANY_FILE = ("-c", "protocol.file.allow=always")


@dataclass(frozen=True)
class Answer:
    """What the server says to one path."""

    status: int
    headers: dict[str, str]
    body: bytes
    authorization: str = ""

    def for_request(self, authorization: str) -> "Answer":
        """The same, or a refusal where a request says nothing that it wants to hear."""
        if self.authorization in authorization:
            return self
        return Answer(401, {"WWW-Authenticate": 'Basic realm="test"'}, b"")


@contextlib.contextmanager
def serving(cases: Iterable[Case], folder: Path) -> Iterator[Places]:
    """Have what these cases fetch be there; repositories are made in a folder."""
    answers = {}
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        for section in case.served:
            answers[f"/{case.name}/{section.path}"] = answer(section)
        by_name = groupby(case.repositories, lambda section: section.path.split("/")[0])
        for name, sections in by_name:
            make_repository(folder / case.name / name, [one.below(f"{name}/") for one in sections])
    with file_server(answers) as http, GitServer(folder) as git:
        yield Places(http=http, git=f"http://{git.address}")


def answer(section: Section) -> Answer:
    """The answer that a section describes."""
    headers = dict(word.split(": ", 1) for word in section.words[1:] if ": " in word)
    status = int(section.attributes.get("status", "200"))
    wanted = section.attributes.get("authorization", "")
    return Answer(status, headers, section.content(), wanted)


@contextlib.contextmanager
def file_server(answers: dict[str, Answer]) -> Iterator[str]:
    """Answer GET and HEAD; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0], Answer(404, {}, b""))
            found = found.for_request(self.headers.get("Authorization", ""))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(found.body)

        do_HEAD = do_GET  # noqa: N815 - the name is http.server's

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_repository(bare: Path, sections: list[Section]) -> None:
    """Make a bare repository: a commit for each tag of the sections, then the branch's."""
    work = bare.with_suffix(".work")
    work.mkdir(parents=True)
    git(work, "init", "--quiet", "--initial-branch", MAIN)
    git(work, "remote", "add", "origin", str(bare))
    sections = sorted(sections, key=lambda section: section.attributes.get("at", "~"))
    for tag, files in groupby(sections, lambda section: section.attributes.get("at", "")):
        for section in files:
            if module := section.attributes.get("submodule"):
                git(work, *ANY_FILE, "submodule", "add", "--quiet", f"../{module}", section.path)
            else:
                make(work, section, section.content())
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message", tag or MAIN)
        if tag:
            git(work, "tag", tag)
    git(work, "clone", "--quiet", "--bare", str(work), str(bare))
    # Any commit may be asked for by its digest, as of the big hosts.
    git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")


def git(folder: Path, *arguments: str) -> None:
    """Run git so that the commits are the same ones everywhere."""
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (
            ("NAME", "Somebody"),
            ("EMAIL", "somebody@example.test"),
            ("DATE", f"{TIME} +0000"),
        )
    }
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **who, **alone},
        check=True,
        capture_output=True,
    )
