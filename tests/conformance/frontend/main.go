// Answers questions with BuildKit's own code: a JSON object a line in, one a line out.
//
//	{"dockerfile": "FROM a"}                     the typed instructions of a Dockerfile
//	{"word": "${a:-b}", "env": ["a=1"], "escape": "\\"}    the value of a word
//	{"ignore": "*.md", "paths": ["a.md"]}        which paths a .dockerignore leaves out
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type question struct {
	Dockerfile *string
	Word       string
	Env        []string
	Escape     string
	Ignore     string
	Paths      []string
}

type object = map[string]any

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		answer, err := answer(asked)
		if err != nil {
			answer = object{"error": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			panic(err)
		}
	}
}

func answer(asked question) (object, error) {
	switch {
	case asked.Dockerfile != nil:
		return parsed(*asked.Dockerfile)
	case asked.Paths != nil:
		return excluded(asked)
	default:
		value, _, err := shell.NewLex([]rune(asked.Escape)[0]).ProcessWord(asked.Word, shell.EnvsFromSlice(asked.Env))
		return object{"value": value}, err
	}
}

func excluded(asked question) (object, error) {
	patterns, err := ignorefile.ReadAll(strings.NewReader(asked.Ignore))
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	answers := []bool{}
	for _, path := range asked.Paths {
		is, err := matcher.MatchesOrParentMatches(path)
		if err != nil {
			return nil, err
		}
		answers = append(answers, is)
	}
	return object{"excluded": answers}, nil
}

func parsed(text string) (object, error) {
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, args, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, err
	}
	lines := [][]any{}
	for _, arg := range args {
		lines = append(lines, command(&arg))
	}
	for _, stage := range stages {
		lines = append(lines, []any{"FROM", object{"base": stage.BaseName, "name": stage.Name, "platform": stage.Platform}})
		for _, one := range stage.Commands {
			lines = append(lines, command(one))
		}
	}
	return object{"instructions": lines}, nil
}

func command(one any) []any {
	switch c := one.(type) {
	case *instructions.EnvCommand:
		return []any{"ENV", pairs(c.Env)}
	case *instructions.LabelCommand:
		return []any{"LABEL", pairs(c.Labels)}
	case *instructions.ArgCommand:
		found := [][]any{}
		for _, arg := range c.Args {
			found = append(found, []any{arg.Key, arg.Value})
		}
		return []any{"ARG", found}
	case *instructions.AddCommand:
		return []any{"ADD", fields(c.SourcesAndDest, object{
			"chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "exclude": c.ExcludePatterns,
			"checksum": c.Checksum, "keep_git_dir": c.KeepGitDir, "unpack": c.Unpack,
		})}
	case *instructions.CopyCommand:
		return []any{"COPY", fields(c.SourcesAndDest, object{
			"chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "exclude": c.ExcludePatterns,
			"from": c.From, "parents": c.Parents,
		})}
	case *instructions.RunCommand:
		return []any{"RUN", commandLine(c.ShellDependantCmdLine, true)}
	case *instructions.CmdCommand:
		return []any{"CMD", commandLine(c.ShellDependantCmdLine, false)}
	case *instructions.EntrypointCommand:
		return []any{"ENTRYPOINT", commandLine(c.ShellDependantCmdLine, false)}
	case *instructions.HealthCheckCommand:
		h := c.Health
		return []any{"HEALTHCHECK", object{
			"test": h.Test, "interval": h.Interval.String(), "timeout": h.Timeout.String(),
			"start-period": h.StartPeriod.String(), "start-interval": h.StartInterval.String(), "retries": h.Retries,
		}}
	case *instructions.OnbuildCommand:
		return []any{"ONBUILD", c.Expression}
	case *instructions.WorkdirCommand:
		return []any{"WORKDIR", c.Path}
	case *instructions.UserCommand:
		return []any{"USER", c.User}
	case *instructions.ExposeCommand:
		return []any{"EXPOSE", c.Ports}
	case *instructions.VolumeCommand:
		return []any{"VOLUME", c.Volumes}
	case *instructions.StopSignalCommand:
		return []any{"STOPSIGNAL", c.Signal}
	case *instructions.ShellCommand:
		return []any{"SHELL", c.Shell}
	case *instructions.MaintainerCommand:
		return []any{"MAINTAINER", c.Maintainer}
	default:
		panic(fmt.Sprintf("%T", one))
	}
}

func pairs(found instructions.KeyValuePairs) [][]string {
	out := [][]string{}
	for _, pair := range found {
		out = append(out, []string{pair.Key, pair.Value})
	}
	return out
}

func fields(names instructions.SourcesAndDest, more object) object {
	more["sources"], more["destination"] = names.SourcePaths, names.DestPath
	files := []object{}
	for _, file := range names.SourceContents {
		files = append(files, object{"name": file.Path, "body": file.Data, "expand": file.Expand})
	}
	more["heredocs"] = files
	return more
}

func commandLine(line instructions.ShellDependantCmdLine, isRun bool) object {
	found := object{"words": line.CmdLine, "shell": line.PrependShell}
	if isRun {
		files := []object{}
		for _, file := range line.Files {
			files = append(files, object{"name": file.Name, "body": file.Data, "chomp": file.Chomp})
		}
		found["heredocs"] = files
	}
	return found
}
