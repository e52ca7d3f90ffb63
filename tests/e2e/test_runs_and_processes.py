"""What a RUN in a plain container can do to the builder's processes: neither read nor end them."""

import json
import re
from collections import defaultdict

import pytest

from e2e.builds import Build, succeeded

INITS = [[], ["--init"]]
SECRET = "hunter2-of-the-environment"
DENIED = "Permission denied"

# Opens every file that gives away what a process holds; prints PID, name, file and answer.
PROBE = """\
try() {
  answer=$( { ( : < "$process/$1" ) && echo OPENED; } 2>&1 )
  echo "$pid $name $1 ${answer##*: }"
}
for process in /proc/[0-9]*; do
  pid=${process#/proc/}
  read -r name 2>/dev/null < $process/comm || continue
  for file in environ mem maps auxv; do try $file; done
  for fd in 0 1 2 $(ls $process/fd 2>/dev/null); do try fd/$fd; done
  for thread in $(ls $process/task); do try task/$thread/environ; try task/$thread/mem; done
done
"""
LINE = re.compile(r"(\d+) (\S+) (\S+) (.*)")


@pytest.fixture
def build(run_image, open_registry, tmp_path, repository):
    reference = f"{open_registry.host}/{repository}:v1"
    return Build(run_image, open_registry, tmp_path / "project", reference)


def answers(output):
    """Process name → file → what came of each try to open one."""
    found = defaultdict(lambda: defaultdict(set))
    for line in output.decode().splitlines():
        pid, name, file, answer = LINE.fullmatch(line).groups()
        found[f"{name} {pid}"][file].add(answer)
    return found


def check_closed(output, *names):
    """None of the processes of these names opened, and there were such; the probe's own did."""
    found = answers(output)
    own = next(files for name, files in found.items() if name.startswith("sh "))
    assert own["environ"] == own["mem"] == own["fd/0"] == {"OPENED"}

    others = {name: files for name, files in found.items() if name.split()[0] in names}
    assert {name.split()[0] for name in others} == set(names)
    assert {name.split()[0] for name in found} <= {*names, "sh", "ls", "cat"}
    for process, files in others.items():
        for file in ("environ", "mem", "maps", "auxv", "fd/0", "fd/1", "fd/2"):
            assert files[file] == {DENIED}, (process, file)
        opened = [file for file, answer in files.items() if "OPENED" in answer]
        assert opened == [], process
        assert len([file for file in files if file.startswith("task/")]) >= 2


@pytest.mark.parametrize("init", INITS, ids=["plain", "init"])
def test_no_process_of_the_builder_can_be_looked_into(build, init):
    text = """
FROM {library}/busybox:latest
COPY probe /probe
RUN chmod 1777 /tmp; sh /probe > /seen
USER 33
RUN sh /probe > /tmp/seen
"""
    done = build(text, files={"probe": PROBE}, options=init, env={"TEST_SECRET": SECRET})
    succeeded(done)
    files = build.files()
    names = ("pybuild", "docker-init") if init else ("pybuild",)
    check_closed(files["seen"], *names)
    check_closed(files["tmp/seen"], *names)
    assert SECRET.encode() not in files["seen"] + files["tmp/seen"]


# Kills by name as pkill does, and tells of each process what came of it.
KILL = """\
for process in /proc/[0-9]*; do
  read -r name 2>/dev/null < $process/comm || continue
  case $name in
    pybuild | python* | docker-init)
      answer=$(kill -9 ${process#/proc/} 2>&1) && answer=KILLED
      echo "${process#/proc/} $name kill ${answer##*: }";;
  esac
done
"""
PYTHON = "#!/bin/sh\nsleep 8883\n"
BY_NAME = """
FROM {library}/busybox:latest
COPY kill /kill
COPY --chmod=755 python /bin/python
RUN python & until grep -q python /proc/$!/comm; do sleep 0.01; done; \
    sh /kill > /first; killall -9 pybuild; echo $? > /status; sh /kill > /second; \
    killall -9 python; echo $? >> /status
RUN python & until grep -q python /proc/$!/comm; do sleep 0.01; done; \
    killall -9 python; echo $? >> /status
RUN sh /kill > /after; echo end > /end
"""


@pytest.mark.parametrize("init", INITS, ids=["plain", "init"])
def test_a_run_that_kills_by_name_ends_its_own_processes_alone(build, init):
    done = build(BY_NAME, files={"kill": KILL, "python": PYTHON}, options=init)
    succeeded(done)
    files = build.files()

    first, second = answers(files["first"]), answers(files["second"])
    killed = {name for name, files in first.items() if files["kill"] == {"KILLED"}}
    assert [name.split()[0] for name in killed] == ["python"]
    refused = {name for name in first if name not in killed}
    assert {name.split()[0] for name in refused} == {"pybuild", *(["docker-init"] if init else [])}
    assert len(refused) >= 3
    assert {answer for name in refused for answer in first[name]["kill"]} == {
        "Operation not permitted"
    }
    assert set(second) == refused
    assert len(answers(files["after"])) >= len(refused) - 1
    # So many could not be killed, none is there any more, all were killed.
    assert files["status"] == b"3\n1\n0\n"
    assert files["end"] == b"end\n"


@pytest.fixture
def without_landlock(tmp_path):
    """``docker run`` options for a container whose kernel is too old for Landlock."""
    names = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]
    not_there = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    profile = tmp_path / "seccomp.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [not_there]}))
    return ["--security-opt", f"seccomp={profile}"]


def test_where_the_builder_can_be_killed_the_build_fails_and_nothing_is_pushed(
    build, without_landlock
):
    files = {"kill": KILL, "python": PYTHON}
    done = build(BY_NAME, files=files, options=without_landlock, more=["--rootfs", "inplace"])
    assert done.returncode == 137, done.stderr
    assert "ERROR: the process that runs ['/bin/sh'] was killed" in done.stderr
    assert not build.pushed


def test_on_an_old_kernel_the_builder_can_be_looked_into_no_more(build, without_landlock):
    text = "FROM {library}/busybox:latest\nCOPY probe /probe\nRUN sh /probe > /seen\n"
    more = ["--rootfs", "inplace"]
    succeeded(build(text, files={"probe": PROBE}, options=without_landlock, more=more))
    check_closed(build.files()["seen"], "pybuild")
