# The action image: a closed prefix /pybuild, and a root that is nothing but links into it (docs: image/).
FROM debian:bookworm-slim AS prefix
ENV DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends \
      busybox-static ca-certificates git openssh-client patchelf python3 python3-venv \
 && python3 -m venv /venv \
 && /venv/bin/pip install --quiet --no-compile hatchling

WORKDIR /build
COPY pyproject.toml ./
COPY image/__init__.py image/dependencies.py ./image/
RUN /venv/bin/python -m image.dependencies pyproject.toml /site

# Everything is laid out under /out, never under /pybuild: so this file can be built by the image it describes.
COPY image/ ./image/
RUN /venv/bin/python -m image.assemble /site /out

COPY README.md LICENSE* ./
COPY src/ ./src/
RUN /venv/bin/pip install --quiet --no-compile --no-deps --no-build-isolation --target /program . \
 && /venv/bin/python -m image.program /program /out

FROM scratch
COPY --from=prefix /out/ /
ENV PATH=/pybuild/bin HOME=/root USER=root
WORKDIR /workspace
ENTRYPOINT ["/pybuild/bin/pybuild"]
