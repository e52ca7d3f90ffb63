FROM scratch AS a
CMD echo
entrypoint x
FROM scratch
SHELL ["/bin/bash", "-c"]
CMD echo
FROM scratch AS sh
CMD echo
SHELL ["a"]
FROM sh
CMD echo
ENTRYPOINT []
FROM scratch
cmd a
ENTRYPOINT ["a"]
ONBUILD CMD a
