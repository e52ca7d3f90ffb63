"""Record what BuildKit's own code says of texts: ``python -m conformance.record_frontend``.

It needs Go. ``frontend/parses.txt`` holds Dockerfiles; words and patterns are made by chance, the
same ones each time. Answers go beside them.
"""

import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools import dockerfile_fuzz
from tools.services import programs

FOLDER = Path(__file__).with_name("frontend")
SEED = "recorded"
WORDS = 1500
IGNORES = 500
TITLE = re.compile(r"^=== (.*)\n", re.MULTILINE)


def dockerfiles() -> dict[str, str]:
    """The Dockerfiles to parse, by their titles."""
    _, *rest = re.split(TITLE, (FOLDER / "parses.txt").read_text())
    return dict(zip(rest[::2], rest[1::2], strict=True))


def words() -> Iterator[dict[str, Any]]:
    """Questions for words."""
    for number in range(WORDS):
        word, env, escape = dockerfile_fuzz.word(random.Random(f"{SEED}-{number}"))
        pairs = [f"{name}={value}" for name, value in env.items()]
        yield {"word": word, "env": pairs, "escape": escape}


def ignores() -> Iterator[dict[str, Any]]:
    """Questions for patterns."""
    for number in range(IGNORES):
        lines, paths = dockerfile_fuzz.ignored(random.Random(f"{SEED}-{number}"))
        yield {"ignore": "\n".join(lines), "paths": paths}


def main() -> None:
    """Record everything."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        program = Path(folder, "answers")
        subprocess.run(
            [programs.go(), "build", "-o", program, "."],
            cwd=folder,
            env={**os.environ, "GOFLAGS": "-mod=mod"},
            check=True,
        )
        texts = dockerfiles()
        parsed = asked(program, ({"dockerfile": text} for text in texts.values()))
        by_title = dict(zip(texts, parsed, strict=True))
        lines = [f"  {json.dumps(title)}: {dumped(by_title[title])}" for title in texts]
        (FOLDER / "parses.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        for name, questions in (("words", list(words())), ("ignores", list(ignores()))):
            answers = asked(program, iter(questions))
            pairs = zip(questions, answers, strict=True)
            text = "".join(dumped({**question, **answer}) + "\n" for question, answer in pairs)
            (FOLDER / f"{name}.jsonl").write_text(text)


def asked(program: Path, questions: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers to questions."""
    text = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([program], input=text.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def dumped(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


if __name__ == "__main__":
    main()
