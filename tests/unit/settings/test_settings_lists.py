"""Several values in one text."""

import pytest

from pybuild.errors import UsageError
from pybuild.settings.lists import fields, split
from pybuild.settings.option import Kind


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (Kind.LIST, "A=1\nB=2\n", ("A=1", "B=2")),
        (Kind.LIST, "\r\n A=1 \r\n\r\nB=2\r\n", ("A=1", "B=2")),
        (Kind.LIST, "A=1,2", ("A=1,2",)),
        (Kind.LIST, 'A={"a":1,"b":2}', ('A={"a":1,"b":2}',)),
        (Kind.LIST, '"A=1\nstill A"\nB=2', ("A=1\nstill A", "B=2")),
        (Kind.LIST, '"A=say ""hi"""', ('A=say "hi"',)),
        (Kind.LIST, 'A="x y"', ('A="x y"',)),
        (Kind.LIST, "", ()),
        (Kind.WORDS, "a:1 a:2\na:3,a:4", ("a:1", "a:2", "a:3", "a:4")),
        (Kind.TEXT, "  x y\nz ", ("x y\nz",)),
        (Kind.TEXT, " ", ()),
    ],
)
def test_values_in_a_text(kind, text, values):
    assert split(text, kind, "PYBUILD_X") == values


def test_a_quote_that_does_not_end_is_an_error():
    with pytest.raises(UsageError, match="PYBUILD_X: the quoted value"):
        split('"A=1\nB=2', Kind.LIST, "PYBUILD_X")


def test_fields_keep_quoted_commas():
    assert fields('type=oci,"dest=a,b.tar"', "--output") == (("type", "oci"), ("dest", "a,b.tar"))


def test_a_field_without_a_value_is_an_error():
    with pytest.raises(UsageError, match="'tar' in 'type=oci,tar' is not of the form key=value"):
        fields("type=oci,tar", "--output")
