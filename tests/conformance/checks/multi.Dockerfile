FROM scratch
CMD ["a"]
cmd ["b"]
CMD ["c"]
ENTRYPOINT ["a"]
Entrypoint ["a"]
HEALTHCHECK NONE
HEALTHCHECK CMD x
FROM scratch
CMD ["x"]
