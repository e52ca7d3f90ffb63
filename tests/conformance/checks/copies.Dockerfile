# check=experimental=all
FROM scratch AS a
COPY <<ignored other /x/
text
ignored
COPY ignored /x
COPY ign* /x
COPY dir/../ignored /x
ADD ignored /x
ADD ./ignored/y /x
COPY --from=busybox ignored /x
ENV I=ignored
COPY $I /x
