"""Fails when Ember's corpus names a key, a command or a flag that the program does not have, or other pages.

usage: ember_names.py PROGRAM SOURCE_DIR
"""
import json
import pathlib
import re
import subprocess
import sys
import tomllib

# Keys that belong to a text field or to the system, not to an action of the program.
FIELD_KEYS = {"Ctrl+Enter", "Ctrl+C", "Ctrl+V", "Ctrl+A", "Ctrl+Delete"}


def run(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False).stdout


def pageProblems(facts, ui):
    """The table of pages in the corpus against the pages of the program, with their first keys."""
    keys = {action["key"]: action["shortcuts"][0] for action in ui["actions"] if action["shortcuts"]}
    real = {(page["title"], keys.get(f"show-{page['key']}", "")) for page in ui["pages"]}
    text = next(f["en"] for f in tomllib.loads((facts / "pages.toml").read_text(encoding="utf-8"))["fact"]
                if f["id"] == "pages")
    told = set(re.findall(r"^\| (\w[^|]*?) \| (Ctrl\+\S+) \|$", text, re.M))
    return ([f"pages.toml: the program has no page {page}" for page in sorted(told - real)] +
            [f"pages.toml: the page {page} is not named" for page in sorted(real - told)])


def main():
    program, source = sys.argv[1], pathlib.Path(sys.argv[2])
    facts = source / "resources/models/ember/corpus/facts"
    ui = json.loads(run(program, "--list-ui").strip().splitlines()[-1])
    keys = set(FIELD_KEYS)
    for action in ui["actions"]:
        keys.update(action["shortcuts"])
    commands = set(re.findall(r"^  (?:inglenook )?([a-z-]+)", run(program, "--help"), re.M))
    flags = set()
    for command in commands:
        flags.update(re.findall(r"--[a-z][a-z-]+", run(program, command, "--help")))
    flags |= set(re.findall(r"--[a-z][a-z-]+", run(program, "--help"))) | {"--help", "--version"}
    problems = pageProblems(facts, ui)
    for path in sorted(facts.glob("*.toml")):
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
