# check=skip=all
FROM scratch AS A
MAINTAINER me
