FROM scratch
env a b
ENV c=d
LABEL x y z
label quoted v w
