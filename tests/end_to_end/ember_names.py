"""Fails when Ember's corpus names a key, a command or a flag that the program does not have.

usage: ember_names.py PROGRAM SOURCE_DIR
"""
import json
import pathlib
import re
import subprocess
import sys

# Keys that belong to a text field or to the system, not to an action of the program.
FIELD_KEYS = {"Ctrl+Enter", "Ctrl+C", "Ctrl+V", "Ctrl+A", "Ctrl+Delete"}


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False).stdout


def main():
    program, source = sys.argv[1], pathlib.Path(sys.argv[2])
    keys = set(FIELD_KEYS)
    for action in json.loads(run(program, "--list-ui").strip().splitlines()[-1])["actions"]:
        keys.update(action["shortcuts"])
    commands = set(re.findall(r"^  (?:inglenook )?([a-z-]+)", run(program, "--help"), re.M))
    flags = set()
    for command in commands:
        flags.update(re.findall(r"--[a-z][a-z-]+", run(program, command, "--help")))
    flags |= set(re.findall(r"--[a-z][a-z-]+", run(program, "--help"))) | {"--help", "--version"}
    problems = []
    for path in sorted((source / "resources/models/ember/corpus/facts").glob("*.toml")):
        text = re.sub(r"keys(_..)? = \[.*?\]\n", "", path.read_text(encoding="utf-8"))
        for key in set(re.findall(r"Ctrl\+(?:Shift\+)?(?:Enter|Delete|[A-Z0-9+\-/,=])(?![a-z])", text)):
            if key not in keys:
                problems.append(f"{path.name}: the program has no key {key}")
        for command in set(re.findall(r"`(?:[^`]*\| )?inglenook ([a-z][a-z-]+)", text)):
            if command not in commands:
                problems.append(f"{path.name}: the program has no command {command}")
        for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)):
            if flag not in flags:
                problems.append(f"{path.name}: the program has no flag {flag}")
    for problem in problems:
        print(problem)
    print(f"{len(keys)} keys, {len(commands)} commands, {len(flags)} flags, {len(problems)} problems")
    return 1 if problems or len(commands) < 5 or len(keys) < 10 else 0


sys.exit(main())
