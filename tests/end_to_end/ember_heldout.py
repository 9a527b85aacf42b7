#!/usr/bin/env python3
"""Ember's corpus: no training question repeats a held-out one, and the corpus is as wide as it must be.

    ember_heldout.py <source folder>

Generates a fixed sample of the training dialogues as train.py does and compares every question with
every held-out question (overlap.py). Also checks the shape of the corpus and of the held-out files.
"""
import pathlib
import random
import re
import sys

SAMPLE = 40_000       # dialogues
MIN_WORDINGS = 40     # per fact and language
MIN_OFF_TOPIC = 1500  # distinct questions, over MIN_SUBJECTS subjects
MIN_SUBJECTS = 150

source = pathlib.Path(sys.argv[1])
ember = source / "resources/models/ember"
sys.path.insert(0, str(ember))
sys.dont_write_bytecode = True
import dialogues  # noqa: E402
import grade  # noqa: E402
import overlap  # noqa: E402

failures = []


def check(holds, sentence):
    if not holds:
        failures.append(sentence)


def checkOverlap(corpus, heldOut):
    index = overlap.HeldOut(heldOut)
    copied = heldOut[0]
    check(index.repeats(copied["question"], copied["lang"]), "The comparison does not see a copied question.")
    for dialogue in corpus.dialogues(1000, SAMPLE):
        for question, _ in dialogue.turns:
            for lang in dialogues.LANGUAGES:
                share, number = index.nearest(question, lang)
                check(share <= overlap.LIMIT, f"{heldOut[number or 0]['id']} shares {share:.0%} with: {question}")


def checkFacts(corpus):
    rng = random.Random(3)
    for fact in corpus.written:
        if fact == "okay":
            continue
        for lang in dialogues.LANGUAGES:
            keys = corpus.facts[fact].get("keys", []) + corpus.facts[fact].get(f"keys_{lang}", [])
            right = grade.isRight({"keys": [[k] for k in keys]}, corpus.answer(fact, lang))
            check(right, f"{fact} ({lang}): the answer misses one of its own keys.")
            wordings = {corpus.factQuestion(rng, lang, fact, strength=0.0).text.lower().strip("?.!") for _ in range(1500)}
            check(len(wordings) >= MIN_WORDINGS, f"{fact} ({lang}): only {len(wordings)} wordings.")
            written = corpus.handWritten(fact, lang)
            check(written >= MIN_WORDINGS, f"{fact} ({lang}): only {written} wordings by hand.")


def checkOffTopic(corpus):
    rng = random.Random(4)
    for lang in dialogues.LANGUAGES:
        asked = {corpus.offTopicQuestion(rng, lang).text for _ in range(4000)}
        check(len(asked) >= MIN_OFF_TOPIC, f"only {len(asked)} off-topic questions ({lang}).")
        check(all(grade.isHonest(a) for a in corpus.refusals[lang]), f"an off-topic answer ({lang}) is not the honest one.")
    check(len(corpus.subjects) >= MIN_SUBJECTS, f"only {len(corpus.subjects)} off-topic subjects.")


def checkHeldOut(corpus, questions, offTopic):
    check(len(questions) == 200 and len(offTopic) == 100, "200 held-out questions and 100 off-topic ones are needed.")
    for q in questions:
        check(q["fact"] in corpus.facts, f"{q['id']}: no fact {q['fact']}.")
        check(q["lang"] in dialogues.LANGUAGES and q["keys"], f"{q['id']}: language or keys are missing.")
        for group in q["keys"]:
            for alternative in group:
                re.compile(alternative)


def main():
    questions, offTopic = dialogues.readHeldOut(ember)
    corpus = dialogues.Corpus(ember, questions + offTopic)
    checkHeldOut(corpus, questions, offTopic)
    checkFacts(corpus)
    checkOffTopic(corpus)
    checkOverlap(corpus, questions + offTopic)
    for sentence in failures[:30]:
        print(sentence)
    print(f"{len(failures)} failures; {corpus.dropped} generated questions were left out")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
