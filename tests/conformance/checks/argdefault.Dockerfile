ARG EMPTY
FROM busybox${EMPTY} AS one
FROM busybox:${EMPTY}latest AS two
