# check=skip=MaintainerDeprecated,JSONArgsRecommended
FROM scratch AS A
MAINTAINER me
CMD x
