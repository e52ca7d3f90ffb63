"""What holds of every input to the Dockerfile room, whoever made it."""

from pybuild.dockerfile.expand import ExpansionError, expand, expand_body, expand_words, used
from pybuild.dockerfile.ignore import IgnorePatterns
from pybuild.dockerfile.parser import parse, parse_trigger
from pybuild.errors import DockerfileError
from tools import dockerfile_text, expansion_model, ignore_model


def attempt(action, error):
    """What an action returns; where it fails as it may, the error, which is one line."""
    try:
        return action()
    except error as raised:
        assert "\n" not in str(raised)  # noqa: PT017 - any other error goes on
        return raised


def check_dockerfile(text):
    """It parses, or the error says where it does not; what parses, prints and parses the same."""
    dockerfile = attempt(lambda: parse(text, file="Dockerfile"), DockerfileError)
    if isinstance(dockerfile, DockerfileError):
        assert dockerfile.message.isprintable(), dockerfile.message
        assert dockerfile.excerpt
        return
    printed = dockerfile_text.text(dockerfile)
    again = parse(printed, file="Dockerfile")
    assert dockerfile_text.bare(again) == dockerfile_text.bare(dockerfile), printed


def check_trigger(text):
    """A trigger of an image is an instruction or an error."""
    attempt(lambda: parse_trigger(text, file="image"), DockerfileError)


def check_word(value):
    """A word has the value that a slow reading gives it, and none where that has none."""
    word, env, escape = value
    model = attempt(lambda: expansion_model.expanded(word, env, escape), expansion_model.Malformed)
    found = attempt(lambda: expand(word, env, escape=escape), ExpansionError)
    if isinstance(model, str):
        assert found == model
    else:
        assert isinstance(found, ExpansionError)


def check_any_text(text):
    """Any text is a word, a body and an ignore file, or an error of its own kind."""
    env = {"a": text[:50], "b": ""}
    for read in (expand, expand_words, expand_body):
        attempt(lambda read=read: read(text, env), ExpansionError)
    used(text)
    patterns = attempt(lambda: IgnorePatterns.parse(text), DockerfileError)
    if isinstance(patterns, IgnorePatterns):
        patterns.excludes(b"a/b/c")
        patterns.excludes(text.encode().strip(b"/") or b"a")


def check_ignored(value):
    """Every path is left out or not as the lines say one by one."""
    lines, paths = value
    patterns = IgnorePatterns.parse("\n".join(lines))
    for path in paths:
        assert patterns.excludes(path.encode()) is ignore_model.is_excluded(lines, path), path
