"""The plan as --dry-run prints it."""

from pybuild.graph.cut import cut
from pybuild.graph.keys import stage_keys
from pybuild.graph.render import render
from pybuild.graph.stages import NamedFiles
from tools.planning import plan_of


def test_each_stage_tells_its_base_and_each_step_what_is_done_about_it():
    text = (
        "FROM --platform=linux/s390x a:1 AS tool\nRUN make\nFROM files\nRUN <<E\n1\n2\nE\n"
        "COPY --from=tool / /\n"
    )
    plan = plan_of(text, contexts={"files": NamedFiles("files")})
    keys = stage_keys(plan, {(1, 0): b"files"})
    image = plan.stages[0].base.image.reference
    shown = render(plan, keys, cut(plan, keys, {})).splitlines()
    assert [line[:9] + line[22:] if line.startswith(" ") else line for line in shown] == [
        f"stage tool: FROM --platform=linux/s390x {image}",
        "  run    [tool 2/2] RUN make",
        "stage stage-1 (target): FROM scratch",
        "  run    [context files] load",
        "  run    [stage-1 2/3] RUN <<E (1...)",
        "  run    [stage-1 3/3] COPY --from=tool / /",
    ]
