#!/bin/bash
# Build this folder's Dockerfile into the OCI layout ./image, on this machine and as root, from a fresh checkout.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")

if [[ ! -x $root/.venv/bin/pybuild ]]; then
  python3 -m venv "$root/.venv"
  "$root/.venv/bin/pip" install --quiet --editable "$root"
fi

# The image's only content: a shell and small tools in one program that needs no library.
if ! dpkg-query -W -f '${db:Status-Status}' busybox-static 2>/dev/null | grep -qx installed; then
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install busybox-static >/dev/null
fi
cp /bin/busybox "$here/busybox"

rm -rf "$here/image"
"$root/.venv/bin/pybuild" build --output "type=oci,dest=$here/image,tar=false" "$here"
echo "The image is the OCI layout $here/image."
