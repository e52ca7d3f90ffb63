"""Copy git, the ssh client and the shell."""

import os
import shutil
import subprocess
from pathlib import Path

from image.layout import PREFIX, Layout

SSH_PROGRAMS = ("ssh",)

# Git's built-in configuration stands in for /etc/gitconfig. A template folder of our own, since
# git would take hooks from the image's /usr/share/git-core/templates.
GIT_CONFIG = f"[init]\n\ttemplateDir = {PREFIX}/git-core/templates\n"


def copy_programs(layout: Layout) -> None:
    """Copy git with its HTTP transport, the ssh client, and busybox with a link for each applet."""
    layout.bin.mkdir(parents=True, exist_ok=True)
    copy_git(layout)
    for name in SSH_PROGRAMS:
        shutil.copy2(f"/usr/bin/{name}", layout.bin / name)
    copy_shell(layout)


def copy_git(layout: Layout) -> None:
    """Git's commands are one program; only the HTTP transport is another."""
    layout.git_core.mkdir()
    shutil.copy2("/usr/bin/git", layout.bin / "git")
    shutil.copy2("/usr/lib/git-core/git-remote-http", layout.git_core / "git-remote-http")
    (layout.git_core / "git-remote-https").symlink_to("git-remote-http")

    # git starts these by name: itself, and its server side when a remote is a local folder.
    (layout.git_core / "git").symlink_to("../bin/git")
    for name in ("git-upload-pack", "git-receive-pack", "git-upload-archive"):
        (layout.bin / name).symlink_to("git")

    # `git submodule` is a shell script; the others are what it sources and calls.
    for name in ("git-submodule", "git-sh-setup", "git-sh-i18n", "git-sh-i18n--envsubst"):
        shutil.copy2(Path("/usr/lib/git-core") / name, layout.git_core / name)

    (layout.git_core / "templates").mkdir()


def copy_shell(layout: Layout) -> None:
    """Copy busybox, the shell and its small tools; none of them hides a program of ours."""
    busybox = layout.bin / "busybox"
    shutil.copy2("/bin/busybox", busybox)
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    for applet in applets.stdout.split():
        link = layout.bin / applet
        if not os.path.lexists(link):
            link.symlink_to("busybox")
