ARG TARGETPLATFROM
FROM --platform=$BUILDPLATFORM scratch AS p
FROM --platform=${TARGETPLATFORM} scratch AS q
FROM --platform=$TARGETPLATFORM scratch AS q2
FROM --platform=linux/amd64 scratch AS r
FROM --platform=$PLATFROM$TARGETPLATFORM scratch AS s
