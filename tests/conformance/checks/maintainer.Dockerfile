FROM scratch
MAINTAINER me
maintainer you
