"""Word expansion, form by form (Dockerfile reference "Environment replacement", POSIX sh 2.6.2)."""

import pytest

from pybuild.dockerfile.expand import ExpansionError, expand, expand_body, expand_words, used

ENV = {
    "x": "plain",
    "empty": "",
    "path": "/a/b.tar.gz",
    "s": "foobarbaz",
    "glob": "()[]{}^$.*?|\\x",
    "lines": "a\nb",
    "wild": "*/",
    "back": "\\*x",
    "ö": "o",
}


@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        # "$variable_name or ${variable_name}"; what is not set is empty.
        ("$x ${x}y $x-y", "plain plainy plain-y"),
        ("$nope|${nope}|$empty", "||"),
        ("$ö $x1 $1 $12a $@ $$", "o   a  "),
        ("a$ $( $-", "a$ $( "),
        # "Escaping is possible by adding a \ before the variable"
        (r"\$x \${x} \\ \a", "$x ${x} \\ a"),
        ("a\\", "a"),
        # Quotes
        ("'$x' \"$x\" '\\'", "$x plain \\"),
        (r'"\$x \" \\ \a"', '$x " \\ \\a'),
        ("a'b'\"c\"", "abc"),
        ('"it\'s"', "it's"),
        # The spec on ${variable:-word}: "… set … that value … not set … word"
        ("${x:-d} ${empty:-d} ${nope:-d}", "plain d d"),
        ("${x-d} ${empty-d} ${nope-d}", "plain  d"),
        # The spec on ${variable:+word}: "… set … word … otherwise … empty"
        ("${x:+a} ${empty:+a} ${nope:+a}", "a  "),
        ("${x+a} ${empty+a} ${nope+a}", "a a "),
        ("${x:?m} ${x?m} ${empty?m}", "plain plain "),
        # "word may be any string, including additional environment variables"
        ("${nope:-${empty:-<$x>}}", "<plain>"),
        ("${nope:-'$x'} ${nope:-\"}\"} ${nope:-\\}}", "$x } }"),
        ("${nope:-}", ""),
        # The spec on ${variable#pattern}: "removes the shortest match of pattern from the start"
        ("${path#*/} ${path##*/} ${s#f*b}", "a/b.tar.gz b.tar.gz arbaz"),
        ("${s##f*b} ${s#x} ${s#} ${s#*} ${s##*}", "az foobarbaz foobarbaz foobarbaz "),
        # The spec on ${variable%pattern}: "removes the shortest match of pattern from the end"
        ("${path%.*} ${path%%.*} ${s%b?z}", "/a/b.tar /a/b foobar"),
        ("${s%%b*} ${s%} ${s%%x}", "foo foobarbaz foobarbaz"),
        ("${nope#a} ${nope%a}", " "),
        ("${s#${nope:-foo}}", "barbaz"),
        # In quotes an escape is only one before a quote, a dollar or itself: here it is data.
        (r'${back#"\*"} ${back#\\\*} ${back#\*}', r"*x x \*x"),
        (r"${glob#()[]{\}^$.\*\?|\\}", "x"),
        # The spec on ${variable/pattern/replacement}: "replace the first occurrence", "//" all
        ("${s/ba/X} ${s//ba/X} ${s//ba/}", "fooXrbaz fooXrXz foorz"),
        ("${s/b*a/X} ${s/?o/$x} ${s/zz/X}", "fooXz plainobarbaz foobarbaz"),
        (r"${path//\//_} ${path/\//\/}", r"_a_b.tar.gz \/a/b.tar.gz"),
        ("${path/$wild/X}", "Xb.tar.gz"),
        ("${s//*/X} ${empty//*/X} ${s///}", "X X foobarbaz"),
        ("${x//?/a} ${nope/a/b}", "aaaaa "),
        ("${lines#*b}", "a\nb"),
        # Taken literally: no group references, no classes.
        ("${s/foo/\\1} ${s#[f]}", "\\1barbaz foobarbaz"),
    ],
)
def test_a_form_expands(word, expanded):
    assert expand(word, ENV) == expanded


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("${nope:?}", "nope: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("${nope?need $x}", "nope: need plain"),
        ("${empty:?a\nb}", "empty: a b"),
        ("${}", "syntax error: bad substitution"),
        ("${:-x}", "syntax error: bad substitution"),
        ("${{", "syntax error: bad substitution"),
        ("${", "syntax error: missing '}'"),
        ("${x", "syntax error: missing '}'"),
        ("${x:-y", "syntax error: missing '}'"),
        ("${x/a}", "syntax error: missing '/' in ${}"),
        ("${x/a/b", "syntax error: missing '}'"),
        ("${x=y}", "unsupported modifier (=) in substitution"),
        ("${x:=y}", "unsupported modifier (:=) in substitution"),
        ("${x:#y}", "unsupported modifier (:#) in substitution"),
        ("${x:}", "unsupported modifier (:}) in substitution"),
        ("${x^^}", "unsupported modifier (^) in substitution"),
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ('"a$x', "unexpected end of statement while looking for matching double-quote"),
        (r"${x#\a}", r"invalid pattern (\a) in substitution: invalid escape '\a'"),
        ("${x:-" * 60 + "}" * 60, "substitutions are nested too deeply"),
    ],
)
def test_a_malformed_word_says_why(word, reason):
    with pytest.raises(ExpansionError) as caught:
        expand(word, ENV)
    assert str(caught.value).endswith(f": {reason}")
    assert str(caught.value).startswith('failed to process "')
    assert "\n" not in str(caught.value)


def test_the_escape_of_the_file_escapes():
    assert expand('c:\\`$x\\$x `` "`""', ENV, escape="`") == 'c:\\$x\\plain ` "'


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("80 443", ["80", "443"]),
        ("$ports", ["80", "90-99/udp"]),
        ('"$ports"', ["80 90-99/udp"]),
        ("a'b c'd e\\ f", ["ab cd", "e f"]),
        ("${nope:-1  2}", ["1", "2"]),
        ("  $nope '' ", []),
        ("", []),
    ],
)
def test_words_are_split_behind_expansion(word, words):
    assert expand_words(word, {"ports": "80 90-99/udp"}) == words


def test_a_body_keeps_its_quotes_and_escapes_with_backslashes():
    body = "\"$x\" '$x' it's \\$x \\\\ \\\n"
    assert expand_body(body, ENV) == "\"plain\" 'plain' it's $x \\ \n"


def test_the_variables_of_a_word_are_known_before_it_is_expanded():
    assert used("$a '$b' \"${c:-$d}\" ${e//$f/${g}} \\$h") == frozenset("acdefg")
    assert used("${a") == frozenset()


def test_a_pattern_with_many_stars_takes_no_time():
    value = {"v": "a" * 20_000}
    assert expand("${v##*a*a*a*a*a*a*a*a*b}", value) == value["v"]
