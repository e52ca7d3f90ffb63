FROM scratch AS a
FROM scratch AS A
FROM scratch AS scratch
FROM a AS context
FROM scratch AS b
FROM scratch AS b
FROM scratch AS b
