"""The job summary."""

import io
import json

import pytest

from pybuild.digest import sha256_of
from pybuild.errors import RegistryError, StepFailed
from pybuild.events import BuildWarning, VertexFailed, VertexLog, VertexStarted
from pybuild.masking import Masker
from pybuild.oci import media
from pybuild.oci.manifest import Descriptor
from pybuild.oci.reference import Reference
from pybuild.report.history import FailedVertex, History
from pybuild.report.lines import Lines
from pybuild.report.markdown import block, code
from pybuild.report.metadata import metadata_document
from pybuild.report.outcome import kaniko_lines, result_lines
from pybuild.report.rawjson import JsonLog
from pybuild.report.summary import MAX_BYTES, failure_summary, success_summary
from pybuild.request import BuildResult, StepReport

DIGEST = sha256_of(b"manifest")
IMAGE_ID = sha256_of(b"config")
LAYER = Descriptor(media.OCI_LAYER_GZIP, sha256_of(b"layer"), 12_580_000)
TAG = Reference.parse("ghcr.io/o/app:1.2")


def result(**changes):
    values = {
        "digest": DIGEST,
        "image_id": IMAGE_ID,
        "manifest": Descriptor(media.OCI_MANIFEST, DIGEST, 1234),
        "size_bytes": 12_580_000,
        "layers": (LAYER,),
        "steps": (
            StepReport("[1/3] FROM debian", True, 0.1),
            StepReport("[2/3] RUN a | b `c`", False, 3.25, LAYER),
            StepReport("[3/3] ENV A=b", True, 0.0),
        ),
        "tags": (TAG,),
        "pushed": (TAG,),
        "seconds": 21.4,
    }
    return BuildResult(**{**values, **changes})


def test_a_pushed_image():
    assert (
        success_summary(result())
        == f"""\
## 📦 `ghcr.io/o/app:1.2`: ✅ built and pushed in 21.4s

| Digest | Size | Layers | Cached |
| --- | --- | --- | --- |
| `{DIGEST}` | 12.6MB | 1 | 2/3 (66 %) |

```console
docker pull ghcr.io/o/app@{DIGEST}
```

| # | Step | Layer | Time | Cached |
| --- | --- | --- | --- | --- |
| 1 | `[1/3] FROM debian` |  | 0.1s | ✅ |
| 2 | `` [2/3] RUN a \\| b `c` `` | 12.6MB | 3.2s | — |
| 3 | `[3/3] ENV A=b` |  | 0.0s | ✅ |
"""
    )


def test_an_image_that_was_not_pushed():
    text = success_summary(result(tags=(), pushed=(), steps=()))

    assert text.startswith(f"## 📦 `{DIGEST}`: ✅ built in 21.4s\n")
    assert "docker pull" not in text


def test_a_failed_step():
    error = StepFailed(
        'process "/bin/sh -c make" did not complete successfully: exit code: 2',
        status=2,
        hint="look at the lines above",
        excerpt="Dockerfile:4\n   4 | >>> RUN make",
    )
    failed = FailedVertex("[2/4] RUN make", ("make: *** ```", "stop"))

    assert (
        failure_summary(error, failed, [BuildWarning("Code", "be careful", "Dockerfile", 3)])
        == """\
## 📦 ❌ failed with exit code 2

```text
process "/bin/sh -c make" did not complete successfully: exit code: 2
```

Hint: `look at the lines above`

```dockerfile
Dockerfile:4
   4 | >>> RUN make
```

Failed: `[2/4] RUN make`

````text
make: *** ```
stop
````

<details><summary>⚠️ 1 warnings</summary>

- `Code: be careful (Dockerfile:3)`

</details>
"""
    )


def test_another_error_names_its_class():
    assert failure_summary(RegistryError("r.io: 503")).startswith("## 📦 ❌ failed (RegistryError)")


def test_summaries_stay_below_the_limit():
    huge = "\U0001f4e6" * 10_000
    warnings = [BuildWarning("Code", huge)] * 1000
    steps = (StepReport(huge, False, 1.0, LAYER),) * 10_000
    failed = FailedVertex(huge, (huge,) * 1000)
    error = StepFailed(huge, status=1, hint=huge, excerpt=f"{huge}\n" * 1000)
    tags = (TAG,) * 1000

    success = success_summary(result(steps=steps, tags=tags, pushed=tags), warnings)
    assert len(success.encode()) < MAX_BYTES
    assert "… and 9500 more steps." in success
    assert len(failure_summary(error, failed, warnings).encode()) < MAX_BYTES


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("plain", "`plain`"),
        ("a|b", "`a\\|b`"),
        ("`", "`` ` ``"),
        ("a``b", "```a``b```"),
        ("a\n## b", "`a ## b`"),
        ("", ""),
    ],
)
def test_code_spans_cannot_be_broken_out_of(text, markdown):
    assert code(text) == markdown


def test_blocks_cannot_be_broken_out_of():
    assert block("```\n# title") == "````text\n```\n# title\n````"


def test_history_remembers_the_failed_vertex_and_warnings():
    history = History()
    warning = BuildWarning("Code", "text")
    history.emit(warning)
    history.emit(VertexStarted(1, "one", 0.0))
    history.emit(VertexStarted(2, "two", 0.0))
    for number in range(40):
        history.emit(VertexLog(2, 0.0, str(number)))
    assert history.failed is None
    history.emit(VertexFailed(2, 1.0, "no"))

    assert history.warnings == (warning,)
    assert history.failed == FailedVertex("two", tuple(map(str, range(10, 40))))


def test_the_metadata_document_has_dockers_keys():
    assert metadata_document(result()) == {
        "containerimage.config.digest": IMAGE_ID,
        "containerimage.descriptor": {
            "mediaType": media.OCI_MANIFEST,
            "digest": DIGEST,
            "size": 1234,
        },
        "containerimage.digest": DIGEST,
        "image.name": "ghcr.io/o/app:1.2",
    }


def test_the_last_lines_of_a_log():
    assert list(result_lines(result())) == [
        f"digest: {DIGEST}",
        f"pushed: ghcr.io/o/app:1.2@{DIGEST}",
        "size: 12.6MB in 1 layers",
        "cached: 2/3 steps",
        "time: 21.4s",
    ]


def test_kanikos_line():
    second = Reference.parse("ghcr.io/o/app:1.3")

    assert kaniko_lines(result(pushed=(TAG, second))) == (f"Pushed ghcr.io/o/app@{DIGEST}",)


def test_json_objects():
    stream = io.StringIO()
    masker = Masker(['quo"te'])
    log = JsonLog(Lines(stream, masker), masker)
    log.emit(VertexLog(3, 1.5, 'a quo"te'))
    log.finish(result())
    log.fail(StepFailed("bad", status=4, hint="do this"))

    event, end, failure = map(json.loads, stream.getvalue().splitlines())
    assert event == {"event": "vertex-log", "number": 3, "at_s": 1.5, "line": "a ***"}
    assert end["event"] == "result"
    assert (end["digest"], end["cached"], end["steps"]) == (DIGEST, 2, 3)
    assert failure == {
        "event": "error",
        "class": "StepFailed",
        "status": 4,
        "message": "bad",
        "hint": "do this",
    }
