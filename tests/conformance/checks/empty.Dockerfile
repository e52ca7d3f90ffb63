FROM scratch
ENV a=b \

 c=d
LABEL a=b \
# comment

 c=d
ENV e=f \



 g=h
