"""The table of settings → the template of the GitLab component."""

from __future__ import annotations

from pybuild.cli.generate.scalars import HEADER, quoted, sentence
from pybuild.settings.option import Kind, Option
from pybuild.settings.table import OPTIONS

_FORMS = {
    Kind.LIST: " One a line.",
    Kind.WORDS: " Separated by newlines or spaces.",
}


def template(image: str) -> str:
    """The file: header and body of the component."""
    options = [option for option in OPTIONS if option.gitlab]
    inputs = "".join(_input(option) for option in options)
    variables = "".join(_variable(option) for option in options)
    return (
        f"{HEADER}spec:\n"
        "  inputs:\n"
        "    job-name:\n"
        '      description: "Name of the job."\n'
        '      default: "build-image"\n'
        "    stage:\n"
        '      description: "Stage of the job."\n'
        '      default: "build"\n'
        "    image:\n"
        '      description: "Image of the builder."\n'
        f"      default: {quoted(image)}\n"
        f"{inputs}"
        "    rules:\n"
        '      description: "Rules of the job."\n'
        "      type: array\n"
        "      default:\n"
        "        - when: on_success\n"
        "---\n"
        '"$[[ inputs.job-name ]]":\n'
        "  stage: $[[ inputs.stage ]]\n"
        "  image:\n"
        '    name: "$[[ inputs.image ]]"\n'
        '    entrypoint: [""]\n'
        "  rules: $[[ inputs.rules ]]\n"
        "  variables:\n"
        f"{variables}"
        "  script:\n"
        "    - pybuild gitlab\n"
        "  artifacts:\n"
        "    when: always\n"
        "    paths: [.pybuild/summary.md]\n"
        "    expose_as: image build summary\n"
        "    reports:\n"
        "      dotenv: .pybuild/build.env\n"
    )


def _variable(option: Option) -> str:
    # GitLab takes no boolean for a variable, and a value that is one input alone keeps its type
    # (gitlabhq lib/gitlab/ci/config/entry/variable.rb, interpolation/template.rb): the space,
    # which nothing reads, makes a text of it.
    space = " " if option.kind is Kind.FLAG else ""
    value = f'"$[[ inputs.{option.gitlab} ]]{space}"'
    if option.name != "pre-build":
        return f"    {option.variable}: {value}\n"
    # GitLab would expand a shell's own variables to nothing.
    return f"    {option.variable}:\n      value: {value}\n      expand: false\n"


def _input(option: Option) -> str:
    text = sentence(option.help) + _FORMS.get(option.kind, "")
    default = option.gitlab_default or option.default
    is_flag = option.kind is Kind.FLAG
    lines = [f"    {option.gitlab}:", f"      description: {quoted(text)}"]
    if is_flag:
        lines.append("      type: boolean")
    lines.append(f"      default: {default if is_flag else quoted(default)}")
    return "\n".join(lines) + "\n"
