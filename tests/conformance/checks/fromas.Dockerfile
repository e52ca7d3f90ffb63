FROM scratch aS a
FROM scratch AS b
FROM scratch as c
from scratch as d
from scratch AS e
from scratch As f
From scratch as g
From scratch AS h
