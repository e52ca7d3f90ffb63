module frontend

go 1.24.3

require (
	github.com/moby/buildkit v0.26.3
	github.com/moby/patternmatcher v0.6.0
)
