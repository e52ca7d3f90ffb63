"""S3 contexts against a real server that speaks the S3 API."""

import gzip
import io
import tarfile
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pybuild.context.source import source_for
from pybuild.errors import ContextError
from pybuild.request import BuildRequest, S3Options


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-key")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def bucket(endpoint):
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="contexts")
    data = archive({"Dockerfile": b"FROM scratch\n", "svc/big": bytes(3 << 20)})
    client.put_object(Bucket="contexts", Key="ci/context.tar.gz", Body=data)
    client.put_object(Bucket="contexts", Key="ci/Dockerfile", Body=b"FROM scratch\n")
    client.put_object(Bucket="contexts", Key="ci/cut.tar.gz", Body=data[:-100])
    client.put_object(Bucket="contexts", Key="with space/ä+%.tar", Body=gzip.decompress(data))
    return client


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def fetch(tmp_path: Path, endpoint: str, context: str, sub_path: str = ""):
    into = tmp_path / "into"
    into.mkdir()
    options = S3Options(endpoint, region="eu-west-1", force_path_style=True)
    request = BuildRequest(
        context=context, state_dir=tmp_path, now_s=0, context_sub_path=sub_path, s3=options
    )
    return source_for(request, io.BytesIO()).fetch(into)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("key", ["ci/context.tar.gz", "with space/ä+%.tar"])
def test_an_object_is_unpacked(tmp_path, endpoint, key):
    context = fetch(tmp_path, endpoint, f"s3://contexts/{key}")

    assert context.owned
    assert (context.directory / "Dockerfile").read_bytes() == b"FROM scratch\n"
    assert (context.directory / "svc/big").stat().st_size == 3 << 20


@pytest.mark.usefixtures("bucket")
def test_its_sub_path(tmp_path, endpoint):
    context = fetch(tmp_path, endpoint, "s3://contexts/ci/context.tar.gz", "svc")

    assert [path.name for path in context.directory.iterdir()] == ["big"]


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            "s3://contexts/none.tar.gz",
            "cannot fetch the context s3://contexts/none.tar.gz: there is no such object",
        ),
        (
            "s3://nowhere/x.tar",
            "cannot fetch the context s3://nowhere/x.tar: there is no such bucket",
        ),
        (
            "s3://contexts/ci",
            "s3://contexts/ci names a prefix, and a prefix as a tree is not supported yet",
        ),
        (
            "s3://contexts/ci/cut.tar.gz",
            "cannot unpack the context s3://contexts/ci/cut.tar.gz: the gzip stream is cut off",
        ),
    ],
)
def test_what_cannot_be_had(tmp_path, endpoint, context, message):
    with pytest.raises(ContextError) as failed:
        fetch(tmp_path, endpoint, context)

    assert failed.value.message == message
    assert failed.value.hint


@pytest.mark.usefixtures("bucket")
def test_no_credentials(tmp_path, endpoint, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ContextError, match="there are no AWS credentials"):
        fetch(tmp_path, endpoint, "s3://contexts/ci/context.tar.gz")


def test_an_endpoint_that_is_no_url(tmp_path):
    with pytest.raises(ContextError, match="Invalid endpoint: store") as failed:
        fetch(tmp_path, "store", "s3://contexts/x.tar")

    assert failed.value.hint == "check S3_ENDPOINT and the network of this job"


def test_a_store_that_does_not_listen(tmp_path):
    with pytest.raises(ContextError, match="Could not connect to the endpoint URL") as failed:
        fetch(tmp_path, "http://127.0.0.1:1", "s3://contexts/x.tar")

    assert "s3cr3t" not in failed.value.message
