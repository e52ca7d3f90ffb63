# check=experimental=InvalidDefinitionDescription;skip=MaintainerDeprecated
FROM scratch AS b
# nope text
ARG a=1 b=2
MAINTAINER x
