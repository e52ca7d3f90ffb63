"""A secret that ends up in the image is warned of."""

import pytest

from pybuild.engine.leaks import said_in
from pybuild.events import BuildWarning
from tools.engine_bench import Bench
from tools.planning import plan_of

VALUE = b"s3cr3t-value\n"
RUN = "FROM scratch\nRUN --mount=type=secret,id=token use\n"


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def warnings(bench, text, written):
    def use(root):
        (root / "out").mkdir()
        for name, data in written.items():
            (root / "out" / name).write_bytes(data)

    bench.build(text, {"use": use}, secrets={"token": VALUE, "other": b"another-value"})
    return [event.message for event in bench.events if isinstance(event, BuildWarning)]


def test_a_file_that_holds_the_secret_of_its_run(bench):
    found = warnings(bench, RUN, {"config": b"token = s3cr3t-value;", "clean": b"nothing"})
    assert found == ["the value of secret token is in the layer, in /out/config"]


def test_a_value_on_the_border_of_two_pieces_is_found(bench):
    data = b"x" * ((1 << 20) - 5) + VALUE + b"y" * (1 << 20)
    assert len(warnings(bench, RUN, {"large": data})) == 1


def test_a_secret_that_the_run_was_not_given_is_not_looked_for(bench):
    assert warnings(bench, RUN, {"f": b"another-value"}) == []
    assert warnings(bench, "FROM scratch\nRUN use\n", {"f": VALUE}) == []


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\nENV T=s3cr3t-value\n",
        "FROM scratch\nRUN curl -H s3cr3t-value x\n",
        "FROM scratch\nARG T=s3cr3t-value\n",
        "FROM scratch\nLABEL t=s3cr3t-value\n",
    ],
)
def test_a_secret_in_the_dockerfile_itself(text):
    found = [warning.message for warning in said_in(plan_of(text), {"token": VALUE, "b": b"RUN"})]
    assert found == ["the value of secret token is in the image's history or configuration"]
