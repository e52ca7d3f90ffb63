#!/bin/sh
# Builders of others, newer than the machine's distribution has, from Debian sid in a folder of their own:
# docker 28 (BuildKit), buildah, podman, skopeo, umoci. Run as root.
#
#   peers.sh ROOT install              once; a minute, and 1.2 GB under ROOT
#   peers.sh ROOT start | stop         its Docker daemon, apart from the machine's own
#   peers.sh ROOT docker buildx build --network host --tag NAME DIRECTORY
#   peers.sh ROOT buildah build --tls-verify=false --tag NAME DIRECTORY
#   peers.sh ROOT podman kube play --network host pod.yaml
#   peers.sh ROOT skopeo inspect oci:DIRECTORY      any other program
#
# ROOT must lie on a filesystem that can be an overlay's upper layer. /tmp, /run, /dev, /proc and /sys are the machine's
# own inside, so what lies below /tmp has the same path on both sides. The daemon's bridge leads nowhere: --network host.
set -eu
[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$1 verb=$2
shift 2
run=/run/peers
packages=ca-certificates,docker.io,docker-cli,docker-buildx,buildah,skopeo,umoci,podman,runc,iptables,netavark,catatonit,git,xz-utils

inside() {
  unshare --mount --propagation private sh -c '
    root=$1; shift
    mount --rbind "$root" "$root"
    for directory in proc sys dev tmp run; do mount --rbind "/$directory" "$root/$directory"; done
    exec chroot "$root" "$@"' sh "$root" "$@"
}

docker() { inside docker --host "unix://$run-docker.sock" "$@"; }

buildah() { inside buildah --root /peers/buildah --runroot "$run-buildah" --storage-driver overlay "$@"; }

podman() {
  inside env PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
    podman --root /peers/podman --runroot "$run-podman" --storage-driver overlay "$@"
}

# Where this machine gets its Debian packages.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1
}

install() {
  [ -d "$root/peers" ] && return
  [ -n "$(mirror)" ] || apt-get -qq update
  command -v debootstrap >/dev/null || apt-get -qq -y --no-install-recommends install debootstrap
  debootstrap --variant=minbase --include="$packages" sid "$root" "$(mirror)"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

  # Where cgroups are of both versions podman needs runc and cgroupfs; it may not raise its own limits.
  cat >"$root/etc/containers/containers.conf" <<'END'
[containers]
default_ulimits=["nofile=20000:20000","nproc=90000:90000"]
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
END
  mkdir -p "$root/peers" # last: says that all of it is there
}

start() {
  docker version >/dev/null 2>&1 && return
  mkdir -p "$run-docker"
  # With no bridge of its own, dockerd would remove the docker0 of the machine's daemon.
  ip link add peers0 type bridge 2>/dev/null || true
  ip link set peers0 up
  # Images in containerd's store: layers keep extended attributes, and there are OCI exports.
  inside dockerd --data-root /peers/docker --exec-root "$run-docker" --pidfile "$run-docker.pid" \
    --host "unix://$run-docker.sock" --iptables=false --ip6tables=false --bridge=peers0 \
    --feature containerd-snapshotter=true </dev/null >"$root/peers/dockerd.log" 2>&1 &
  for _ in $(seq 100); do
    docker version >/dev/null 2>&1 && return
    sleep 0.3
  done
  tail -n 5 "$root/peers/dockerd.log" >&2
  return 1
}

case $verb in
  install | start) "$verb" ;;
  stop) kill "$(cat "$run-docker.pid")" ;;
  docker | podman) "$verb" "$@" ;;
  buildah)
    case ${1:-} in
      bud | build)
        shift
        buildah build --isolation chroot --network host --ulimit nofile=20000:20000 --ulimit nproc=90000:90000 "$@"
        ;;
      *) buildah "$@" ;;
    esac
    ;;
  *) inside "$verb" "$@" ;;
esac
