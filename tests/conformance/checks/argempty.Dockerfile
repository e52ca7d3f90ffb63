ARG EMPTY
ARG TAG
ARG BAD="not valid!"
FROM ${EMPTY:-scratch} AS one
FROM busybox:${TAG:-latest}
FROM ${NOPE:-scratch}
