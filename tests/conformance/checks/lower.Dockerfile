from scratch
env a=b
LABEL a=b
