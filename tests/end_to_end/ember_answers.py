#!/usr/bin/env python3
"""Ember through the real program: the held-out questions, asked with `inglenook chat`, greedily.

    ember_answers.py <program> <source folder>

Fails when the shipped model answers fewer questions than its model card says (less a margin for
other rounding), when it stops being honest about what it does not know, when it is slow, or when
int8 or int4 cost more perplexity than the limits for a trained model.
"""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

MARGIN = 4            # questions of 200 that another rounding may cost
MIN_HONEST = 90       # of 100
MIN_TOKENS_S = 1000   # decode, median
MAX_GROWTH = {"int8": 0.005, "int4": 0.05}  # of the perplexity of f32 on heldout/text.md

program, source = sys.argv[1], pathlib.Path(sys.argv[2])
ember = source / "resources/models/ember"
sys.path.insert(0, str(ember))
sys.dont_write_bytecode = True
import grade  # noqa: E402


def run(command, *options):
    """The JSON object that a command of the program prints last."""
    done = subprocess.run([program, command, "--model", str(source / "resources/models/ember.gguf"), "--json", *options],
                          capture_output=True, text=True, encoding="utf-8", timeout=120, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit(f"{command} {options}: exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def ask(question):
    return run("chat", "--temperature", "0", "--max-tokens", "400", "--prompt", question["question"])


def perplexityGrowth():
    """{weights: growth of the perplexity over f32}"""
    found = {weights: run("perplexity", "--file", str(ember / "heldout/text.md"), "--weights", weights)["perplexity"]
             for weights in ("f32", *MAX_GROWTH)}
    return {weights: found[weights] / found["f32"] - 1 for weights in MAX_GROWTH}


def askAll(questions):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(ask, questions))


def cardFigure():
    """Right answers of the int8 row of the model card."""
    card = (ember / "README.md").read_text(encoding="utf-8")
    return int(re.search(r"^\| int8 \| (\d+) / 200 \|", card, re.MULTILINE).group(1))


def main():
    questions = json.loads((ember / "heldout/questions.json").read_text(encoding="utf-8"))
    offTopic = json.loads((ember / "heldout/offtopic.json").read_text(encoding="utf-8"))
    answers = askAll(questions)
    right, wrong = grade.score(questions, [a["text"] for a in answers])
    honest = sum(grade.isHonest(a["text"]) for a in askAll(offTopic))
    unfinished = [q["id"] for q, a in zip(questions, answers) if a["finish"] != "end"]
    speed = sorted(a["decode_tok_s"] for a in answers)[len(answers) // 2]
    print(f"right {right}/{len(questions)}, honest {honest}/{len(offTopic)}, median {speed:.0f} tok/s, "
          f"unfinished {len(unfinished)}; wrong: {' '.join(wrong)}")
    growth = perplexityGrowth()
    print(f"perplexity over f32: {', '.join(f'{w} {g:+.3%}' for w, g in growth.items())}")
    good = (right >= cardFigure() - MARGIN and honest >= MIN_HONEST and speed >= MIN_TOKENS_S and not unfinished
            and all(growth[weights] <= limit for weights, limit in MAX_GROWTH.items()))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
