#!/usr/bin/env python3
"""What steps took, by their rows, of a table that `inglenook serve-bench --steps FILE` wrote.

usage: step_times.py FILE            a table: medians in milliseconds
       step_times.py --points FILE   for `inglenook_simulate ... times=POINTS`
"""
import csv
import sys
from statistics import median

# Behind these numbers of rows kernels take another tile, so steps leap there.
EDGES = [1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256,
         320, 384, 512, 768, 1024, 1536, 2048, 4096]


def read(path):
    """Steps by kind and class of rows; what one takes by the device's clock where it has one."""
    classes = {}
    with open(path, newline="") as file:
        for line in csv.DictReader(file):
            step = {name: float(value) for name, value in line.items()}
            step["rows"] = step["answers"] + step["prompt_rows"]
            step["ms"] = step["device_ms"] or step["took_ms"]
            kind = "shared" if step["prompts"] else "answers"
            edge = next((edge for edge in EDGES if step["rows"] <= edge), EDGES[-1])
            classes.setdefault((kind, edge), []).append(step)
    return classes


def table(classes):
    print("kind     rows to     n  mean rows  prompts  step p10    p50    p90   took   host  ready "
          "waited  late %  share %")
    total = sum(step["took_ms"] for steps in classes.values() for step in steps)
    for (kind, edge), steps in sorted(classes.items()):
        times = sorted(step["ms"] for step in steps)
        middle = {name: median(step[name] for step in steps)
                  for name in ("took_ms", "host_ms", "ready_ms", "waited_ms")}
        late = sum(step["ready_ms"] == 0 for step in steps)
        print(f"{kind:8s} {edge:7d} {len(steps):5d} {sum(s['rows'] for s in steps) / len(steps):10.1f} "
              f"{sum(s['prompts'] for s in steps) / len(steps):8.2f} "
              f"{times[len(times) // 10]:9.2f} {median(times):6.2f} {times[len(times) * 9 // 10]:6.2f} "
              f"{middle['took_ms']:6.2f} {middle['host_ms']:6.2f} {middle['ready_ms']:6.2f} "
              f"{middle['waited_ms']:6.2f} {100 * late / len(steps):7.1f} "
              f"{100 * sum(s['took_ms'] for s in steps) / total:8.1f}")


def points(classes):
    for (kind, _), steps in sorted(classes.items()):
        if len(steps) >= 3:
            print(f"{kind} {sum(s['rows'] for s in steps) / len(steps):.1f} "
                  f"{median(s['ms'] for s in steps):.3f}")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    (points if sys.argv[1] == "--points" else table)(read(sys.argv[-1]))
