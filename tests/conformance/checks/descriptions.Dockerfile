# check=experimental=all
# wrong this is
ARG foo=1
# foo is right
ARG foo=2
# anything
FROM scratch AS bar
# bar
#
FROM scratch AS bax

# baz
ARG bla
# bla yes
ARG q=1
#
ARG w=2
# not adjacent

ARG z
