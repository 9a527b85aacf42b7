#!/usr/bin/env python3
"""Fails on a breach of the floors, on an include cycle, on a file over 800 lines.

Reads every #include "..." of the tree. The rules are the table of README.md, "Map of the code":
calls go down, no lower floor knows a name from above.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
SUFFIXES = {".h", ".cpp", ".cu", ".cuh", ".inc"}
LINE_WALL = 800

# What engine's public headers are: the ones app may include.
ENGINE_PUBLIC = {
    "engine/status.h",
    "engine/phrase.h",
    "engine/runtime/engine.h", "engine/runtime/request.h", "engine/runtime/snapshot.h", "engine/runtime/model_info.h",
    "engine/runtime/evaluate.h", "engine/model/memory_plan.h", "engine/model/weight_options.h",
    "engine/model/opened_model.h", "engine/model/convert.h", "engine/model/synthetic.h", "engine/text/tokenizer.h",
    "engine/text/chat_template.h", "engine/device/sampler_spec.h", "engine/stats/latency_histogram.h",
    "engine/stats/step_ring.h", "engine/runtime/load_signal.h", "engine/runtime/admission_settings.h",
    "engine/model/json_file.h", "engine/runtime/fit.h", "engine/runtime/compare.h",
}
# Inside engine: a folder may include itself and the ones named.
ENGINE_INSIDE = {
    "": set(), "stats": {""}, "text": {""}, "model": {"", "text"},
    "device": {"", "model", "text", "stats"}, "runtime": {"", "model", "text", "stats", "device"},
}
# Inside app, lowest first: a folder may include folders of lower rank, and itself.
APP_RANK = {
    "": 0, "history": 1, "telemetry": 3, "alerts": 3, "library": 3, "remote": 3, "exchange": 4, "session": 4, "agents": 4, "api": 4,
    "commands": 6,
}
APP_ROOT_RANK = {"settings": 0, "paths": 0, "log": 0, "messages": 0, "engine_host": 2, "application": 5, "main": 9}
SYSTEM_BANS = {
    "kernels": [r"<Q", r"<thread>", r"<fstream>", r"<iostream>", r"<mutex>", r"<sqlite"],
    "engine": [r"<Q", r"<iostream>", r"<sqlite", r"<SQLite", r"<sys/socket"],
    "app": [r"<QWidget", r"<QtWidgets", r"<QApplication", r"<QtGui", r"<QGui", r"<QPainter"],
    "ui": [r"<sqlite", r"<SQLite", r"<QtNetwork", r"<QTcp", r"<QNetworkAccess"],
}


KERNELS_PUBLIC = {"kernels/cpu_kernels.h"} | {
    "kernels/cuda_" + name + ".h"
    for name in ("kernels", "all_reduce", "attend_finished", "handed_row", "layernorm", "reference")}


def app_rank(path):
    parts = path.split("/")
    if len(parts) == 2:
        stem = parts[1].rsplit(".", 1)[0]
        for name, rank in APP_ROOT_RANK.items():
            if stem == name or stem.startswith(name + "_"):
                return rank
        return 0
    return APP_RANK.get(parts[1], 0)


def breach(source, target):
    """One sentence when `source` may not include `target`, else None."""
    a, b = source.split("/")[0], target.split("/")[0]
    if a == "tests":
        return None
    if b == "tests":
        return "includes a test"
    floors = ["kernels", "engine", "app", "ui"]
    if a not in floors or b not in floors:
        return None
    if source == "app/main.cpp":
        return None
    if floors.index(b) > floors.index(a):
        return f"{a} looks up at {b}"
    if a == "engine" and b == "kernels" and target not in KERNELS_PUBLIC:
        return "engine includes kernels only by " + ", ".join(sorted(KERNELS_PUBLIC))
    if a == "app" and b == "kernels":
        return "app does not know kernels"
    if a == "ui" and b in ("kernels", "engine"):
        return f"ui does not know {b}; it sees app's values"
    if a == "app" and b == "engine" and not source.startswith("app/commands/") and target not in ENGINE_PUBLIC:
        return f"{target} is not a public header of engine"
    if a == b == "engine":
        here = source.split("/")[1] if source.count("/") > 1 else ""
        there = target.split("/")[1] if target.count("/") > 1 else ""
        if here != there and there not in ENGINE_INSIDE[here]:
            return f"engine/{here} looks up at engine/{there}"
    if a == b == "app" and app_rank(target) > app_rank(source):
        return "app folder looks up"
    return None


def main():
    problems = []
    graph = {}
    for floor in ("kernels", "engine", "app", "ui", "tests"):
        for path in sorted((ROOT / floor).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            name = path.relative_to(ROOT).as_posix()
            text = path.read_text(encoding="utf-8")
            lines = text.count("\n")
            if lines > LINE_WALL:
                problems.append(f"{name}: {lines} lines, {LINE_WALL} is the wall")
            targets = []
            for number, line in enumerate(text.splitlines(), 1):
                match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if match:
                    target = match.group(1)
                    if (ROOT / target).is_file():
                        targets.append(target)
                        if sentence := breach(name, target):
                            problems.append(f"{name}:{number}: {target}: {sentence}")
                    elif not target.endswith(".moc") and not target.startswith("ui_"):
                        problems.append(f"{name}:{number}: {target}: includes name the path from the root")
                match = re.match(r"\s*#\s*include\s+(<[^>]+>)", line)
                if match and name != "app/main.cpp":
                    for ban in SYSTEM_BANS.get(floor, []):
                        if re.match(ban, match.group(1)):
                            problems.append(f"{name}:{number}: {match.group(1)} does not belong on this floor")
            graph[name] = targets
            if name == "app/main.cpp" and lines > 150:
                problems.append(f"{name}: the composition root stays under 150 lines, it has {lines}")
            if floor == "engine" and re.search(r"\b(abort|exit|printf|puts)\s*\(", re.sub(r"//.*", "", text)):
                problems.append(f"{name}: engine never prints, exits or aborts")

    done, stack = set(), []

    def visit(name):
        if name in stack:
            problems.append("include cycle: " + " -> ".join(stack[stack.index(name):] + [name]))
            return
        if name in done:
            return
        stack.append(name)
        for target in graph.get(name, []):
            visit(target)
        stack.pop()
        done.add(name)

    for name in graph:
        visit(name)
    for problem in problems:
        print(problem)
    print(f"{len(graph)} files, {len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
