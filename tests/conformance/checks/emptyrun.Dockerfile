FROM busybox
RUN a \

 b <<EOF

text
EOF
