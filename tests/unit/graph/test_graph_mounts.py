"""RUN --mount: every type with its keys, aliases, defaults and errors, as BuildKit reads them."""

import pytest

from pybuild.errors import DockerfileError
from pybuild.graph.plan import (
    BindMount,
    CacheMount,
    FromContext,
    FromStage,
    SecretMount,
    SshMount,
    TemporaryMount,
)
from tools.planning import last, plan_of

BEFORE = "FROM b AS stage\nFROM a\nWORKDIR /w\nARG D=dir\n"


def mounts(*texts, before=BEFORE):
    flags = " ".join(f"--mount={text}" for text in texts)
    return last(plan_of(f"{before}RUN {flags} x\n")).steps[-1].action.mounts


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("target=/x", BindMount(FromContext(), "/", "/x")),
        ("type=bind,source=a/../b,target=rel", BindMount(FromContext(), "/b", "/w/rel")),
        ("src=../../etc,dst=/x,rw", BindMount(FromContext(), "/etc", "/x", writable=True)),
        ("source=$D/f,destination=/x/$D,rw=false", BindMount(FromContext(), "/dir/f", "/x/dir")),
        ("TYPE=BIND,FROM=stage,target=/x,ro=0", BindMount(FromStage(0), "/", "/x", writable=True)),
        ("from=0,target=/x", BindMount(FromStage(0), "/", "/x")),
        ("type=bind", BindMount(FromContext(), "/", "/w")),
        ("type=$T,target=/x", BindMount(FromContext(), "/", "/x")),
        ("type=cache,target=/c", CacheMount("/c", "/c")),
        ("type=cache,target=c/./d//", CacheMount("c/d", "/w/c/d")),
        ("type=cache,target=/c,id=../../x", CacheMount("../../x", "/c")),
        (
            "type=cache,id=n,target=/c,sharing=LOCKED,mode=0700,uid=5,gid=6,readonly",
            CacheMount("n", "/c", "locked", None, "/", 0o700, 5, 6, read_only=True),
        ),
        (
            "type=cache,target=/c,from=stage,source=seed",
            CacheMount("/c", "/c", source=FromStage(0), path="/seed"),
        ),
        ("type=cache,target=/c,from=scratch", CacheMount("/c", "/c")),
        ("type=tmpfs,target=/dev/shm", TemporaryMount("/dev/shm")),
        ("type=tmpfs,target=/t,size=64m", TemporaryMount("/t", 64 * 1024**2)),
        ("type=tmpfs,target=/t,size=1.5GiB", TemporaryMount("/t", 3 * 1024**3 // 2)),
        ("type=tmpfs,target=/t,size=100b", TemporaryMount("/t", 100)),
        ("type=tmpfs,target=/t,size=0", TemporaryMount("/t")),
        ("type=secret,id=token", SecretMount("token", "/run/secrets/token")),
        ("type=secret,id=../../a/b", SecretMount("../../a/b", "/run/secrets/b")),
        ("type=secret,source=s", SecretMount("s", "/run/secrets/s")),
        ("type=secret,target=/etc/pip.conf", SecretMount("pip.conf", "/etc/pip.conf")),
        ("type=secret,id=s,target=rel", SecretMount("s", "/w/rel")),
        ("type=secret,id=s,env=TOKEN", SecretMount("s", "", "TOKEN")),
        ("type=secret,id=s,env=TOKEN,target=/f", SecretMount("s", "/f", "TOKEN")),
        (
            "type=secret,id=s,required,mode=444,uid=1,gid=2",
            SecretMount("s", "/run/secrets/s", "", True, 0o444, 1, 2),
        ),
        ("type=ssh", SshMount("default", "/run/buildkit/ssh_agent.0")),
        (
            "type=ssh,id=git,target=/agent,required=true,mode=0666,uid=1,gid=2",
            SshMount("git", "/agent", True, 0o666, 1, 2),
        ),
    ],
)  # fmt: skip
def test_a_mount_says_what_is_where(text, mount):
    before = BEFORE + "ARG T=bind\n"
    assert mounts(text, before=before) == (mount,)


def test_mounts_keep_their_order_and_agents_have_sockets_of_their_own():
    assert mounts("type=ssh", "type=tmpfs,target=/t", "type=ssh,id=two") == (
        SshMount("default", "/run/buildkit/ssh_agent.0"),
        TemporaryMount("/t"),
        SshMount("two", "/run/buildkit/ssh_agent.1"),
    )


def test_a_build_can_have_caches_of_its_own():
    text = "FROM a\nRUN --mount=type=cache,target=/c --mount=type=cache,target=/d,id=n x\n"
    plan = plan_of(text, args={"BUILDKIT_CACHE_MOUNT_NS": "ours"}.items())
    assert [mount.id for mount in last(plan).steps[0].action.mounts] == ["ours//c", "ours/n"]
    assert plan.warnings == ()


def test_a_mount_may_show_an_image_or_nothing():
    plan = plan_of("FROM a\nRUN --mount=from=busybox,target=/b --mount=from=scratch,target=/e x\n")
    assert [stage.name for stage in plan.stages] == [
        "docker.io/library/busybox:latest", "scratch", "stage-0",
    ]  # fmt: skip
    assert last(plan).sources() == (0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tagret=/x", "unexpected key 'tagret' in 'tagret=/x' (did you mean target?)"),
        ("type=bindd,target=/x", 'unsupported mount type "bindd" (did you mean bind?)'),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("type=cache,,target=/x", "invalid field '' must be a key=value pair"),
        ("", "failed to parse csv mounts: EOF"),
        ("target=/x,required", "unexpected key 'required' for mount type 'bind'"),
        ("required,type=secret,id=x", "unexpected key 'required' for mount type 'bind'"),
        ("target=/x,size=1", "unexpected key 'size' for mount type 'bind'"),
        ("type=cache,target=/x,env=A", "unexpected key 'env' for mount type 'cache'"),
        ("type=secret,id=x,env=", "invalid value for env: "),
        ("type=tmpfs,target=/x,size=much", "invalid value for size: much"),
        ("type=tmpfs,target=/x,ro", "a tmpfs that is read-only is not supported"),
        ("target=/x,ro=maybe", "invalid value for ro: maybe"),
        ("target=/x,mode=0700", 'mode not allowed for "bind" type mounts'),
        ("type=tmpfs,target=/x,uid=1", 'uid not allowed for "tmpfs" type mounts'),
        ("target=/x,gid=1", 'gid not allowed for "bind" type mounts'),
        ("type=cache,target=/x,mode=8", "invalid value 8 for mode"),
        ("type=cache,target=/x,mode=10000", "invalid value 10000 for mode"),
        ("type=cache,target=/x,uid=-1", "invalid value -1 for uid"),
        ("type=cache,target=/x,gid=4294967296", "invalid value 4294967296 for gid"),
        ("type=cache,target=/x,sharing=lock", 'unsupported sharing value "lock"'),
        ("target=/x,sharing=shared", "invalid cache sharing set for bind mount"),
        ("type=cache,target=/x,source=y", "a cache mount without from has no /y"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,source=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ("type=secret,id=a,sharing=shared", "secret mount should not define sharing"),
        ("type=secret,id=..", 'the id ".." of a secret names no file'),
        ("type=ssh,source=x", "ssh does not support source"),
        ("from=$D,target=/x", "'from' doesn't support variable expansion, define alias stage"),
        ("target=/", 'invalid mount target "/"'),
        ("target=/a/../..", 'invalid mount target "/"'),
        ("type=tmpfs,target=../../..", 'invalid mount target "/"'),
        ("target=/proc", 'invalid mount target "/proc"'),
        ("type=cache,target=/x/../proc/self/fd", 'invalid mount target "/proc/self/fd"'),
        ("type=secret,id=x,target=/sys/fs", 'invalid mount target "/sys/fs"'),
        ("type=ssh,target=/dev", 'invalid mount target "/dev"'),
        ("target=${x:?none}", "x: none"),
    ],
)
def test_what_a_mount_cannot_say_is_an_error_with_its_line(text, message):
    with pytest.raises(DockerfileError) as caught:
        mounts(text)
    assert message in caught.value.message
    assert ">>> RUN" in caught.value.excerpt


def test_an_empty_target_is_the_working_directory_which_must_not_be_the_root():
    with pytest.raises(DockerfileError, match='invalid mount target "/"'):
        mounts("type=tmpfs", before="FROM a\n")
