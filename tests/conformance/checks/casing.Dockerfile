FROM scratch As Base
from scratch AS context
From scratch aS mixed
FROM scratch as low
env a=b
Label a=b
