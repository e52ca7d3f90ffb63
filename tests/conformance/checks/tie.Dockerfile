FROM scratch
env a=b
