# check=experimental=CopyIgnoredFile
FROM scratch
COPY ignored/x /y
ADD ignored/x other ignored /z
COPY --from=busybox ignored/x /y
COPY ok ignored* /
COPY ["ignored/sp ace", "/"]
ADD https://x.y/ignored /
ADD <<ignored /x
text
ignored
ARG v=ignored
COPY $v /
COPY ./ignored/x /
COPY /ignored/x /
