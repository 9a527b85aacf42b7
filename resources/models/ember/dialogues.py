"""The generator: facts x question forms x what people do to them, made into dialogues.

    corpus = Corpus(folder)
    for dialogue in corpus.dialogues(seed, count): ...

A dialogue is a Dialogue: language, system text or None, turns of (question, answer). An answer may
begin with <think>...</think>. The same seed gives the same dialogues. Standard library only.
"""
import dataclasses
import json
import pathlib
import random
import re
import tomllib

import computed
import grammar
import noise
import overlap

LANGUAGES = ("en", "zh")
SEPARATOR = {"en": ";", "zh": "；"}  # between phrases
BETWEEN = {"en": [". ", ", ", "; ", " and "], "zh": ["。", "，", "；"]}  # sentences of one question
HAN = re.compile("[\u3400-\u9fff]")
SYSTEM_TEXTS = ["You are a helpful assistant.", "You are Ember, the guide of Inglenook.", "Answer briefly.",
                "你是一个有用的助手。", "请简短回答。", "You are a helpful, harmless and honest assistant."]
THINKING_FILES = {"models", "trouble"}  # facts of these files show a short reasoning part
# Shares of the kinds of single questions.
FACT, OFF_TOPIC, COMPUTED = 0.60, 0.30, 0.10
PHRASED = 0.38  # of a fact's questions are a frame around a phrase written for it
WORDS = 0.18    # of a fact's questions are a frame around words that belong to it
LINKED = 0.4    # of the follow-ups to a fact that has some ask for another fact with words that need the turn before
SCENES = 0.15   # of those tell first what happened
LINE_COUNTS = 6 # wordings that one line counts for, whatever it makes
INDIRECT = 0.5  # of a fact's questions come from the forms that describe instead of naming it


@dataclasses.dataclass
class Dialogue:
    lang: str
    system: str | None
    turns: list  # [(question, answer)]


@dataclasses.dataclass
class Question:
    text: str
    answer: str
    fact: str | None  # None: off topic
    lang: str


def withThinking(think, answer):
    return f"<think>\n{think}\n</think>\n\n{answer}" if think else answer


class Corpus:
    def __init__(self, folder, heldOut=()):
        corpus = pathlib.Path(folder) / "corpus"
        self.facts = {}
        for path in sorted((corpus / "facts").glob("*.toml")):
            for fact in tomllib.loads(path.read_text(encoding="utf-8"))["fact"]:
                fact["file"] = path.stem
                self.facts[fact["id"]] = fact
        self.written = [i for i, f in self.facts.items() if not f.get("computed") and i != "more"]
        self.refusals = tomllib.loads((corpus / "offtopic/answers.toml").read_text(encoding="utf-8"))
        self.forms, self.indirect, self.keywords, self.frames, self.offTopic = {}, {}, {}, {}, {}
        self.phrases = {}  # (fact or "off-topic", language) -> [(kind, form)]
        self.links = {}  # (fact, language) -> [(fact that the follow-up asks for, forms)]
        for lang in LANGUAGES:
            self._readLanguage(corpus, lang)
        self.words = {lang: readWords(corpus / f"words.{lang}.txt", lang) for lang in LANGUAGES}
        self.subjects = list(readSubjects(corpus / "offtopic/subjects.txt"))
        self._heldOut = overlap.HeldOut(list(heldOut))
        self.dropped = 0  # questions left out because they repeat a held-out one

    def _readLanguage(self, corpus, lang):
        macros = grammar.readMacros(corpus / f"wordings/common.{lang}.txt")
        direct, indirect = {}, {}
        for path in sorted((corpus / "wordings").glob(f"*.{lang}.txt")):
            if path.name.startswith("common."):
                continue
            found = indirect if path.name.startswith("indirect") else direct
            for name, (forms, keywords) in grammar.readSections(path, macros).items():
                found.setdefault(name, []).extend(forms)
                if found is direct:
                    self.keywords[name, lang] = keywords
        self.forms |= {(name, lang): grammar.Weighted(forms) for name, forms in direct.items()}
        self.indirect |= {(name, lang): grammar.Weighted(forms) for name, forms in indirect.items()}
        for path in [*sorted((corpus / "phrases").glob(f"*.{lang}.txt")), corpus / f"offtopic/phrases.{lang}.txt"]:
            for name, phrases in grammar.readPhrases(path, macros, SEPARATOR[lang]):
                self.phrases.setdefault((name, lang), []).extend(phrases)
        for name, (forms, _) in grammar.readSections(corpus / f"frames.{lang}.txt", macros).items():
            self.frames[name, lang] = grammar.Weighted(forms)
        self.forms["okay", lang], self.keywords["okay", lang] = self.frames["okay", lang], []
        for name, (forms, _) in grammar.readSections(corpus / f"follow_ups.{lang}.txt", macros).items():
            before, asked = name.split(" > ")
            self.links.setdefault((before, lang), []).append((asked, grammar.Weighted(forms)))
        for name, (forms, _) in grammar.readSections(corpus / f"offtopic/frames.{lang}.txt", macros).items():
            self.offTopic[name, lang] = grammar.Weighted(forms)

    # -- single questions --
    def answer(self, fact, lang):
        text = self.facts[fact][lang]
        keywords = self.keywords.get((fact, lang))
        if self.facts[fact]["file"] in THINKING_FILES and keywords:
            think = f"The question is about {keywords[0]}." if lang == "en" else f"问题是关于{keywords[0]}的。"
            return withThinking(think, text)
        return text

    def handWritten(self, fact, lang):
        """Wordings that a person wrote for the fact; of a line with many alternatives no more than LINE_COUNTS."""
        forms = [*self.forms[fact, lang].forms, *(self.indirect[fact, lang].forms if (fact, lang) in self.indirect else ())]
        return (sum(min(LINE_COUNTS, form.written) for form in forms) + len(self.phrases.get((fact, lang), ())) +
                len(self.keywords[fact, lang]) + len(self.words[lang].get(fact, ())))

    def factQuestion(self, rng, lang, fact=None, strength=1.0):
        fact = fact or rng.choice(self.written)
        keywords, words = self.keywords[fact, lang], self.words[lang].get(fact)
        phrases = self.phrases.get((fact, lang))
        if phrases and rng.random() < PHRASED:
            text = self._framed(rng, lang, phrases)
        elif words and rng.random() < WORDS:
            text = self._aboutWords(rng, lang, words)
        elif keywords and rng.random() < 0.16:
            text = self.frames["keyword", lang].sample(rng).replace("{k}", rng.choice(keywords))
        elif (fact, lang) in self.indirect and rng.random() < INDIRECT:
            text = self.indirect[fact, lang].sample(rng)
        else:
            text = self.forms[fact, lang].sample(rng)
        text = noise.disturb(text, lang, rng, strength)
        return Question(text, self.answer(fact, lang), fact, lang)

    def _aboutWords(self, rng, lang, words):
        first, second = rng.choice(words), rng.choice(words)
        return grammar.tidy(self.frames["words", lang].sample(rng).replace("{w}", first).replace("{v}", second))

    def _framed(self, rng, lang, phrases):
        """One of the phrases in a frame of its kind, now and then after what happened."""
        kind, phrase = rng.choice(phrases)
        text = self.frames[kind, lang].sample(rng).replace("{p}", phrase.sample(rng))
        scenes = [other for otherKind, other in phrases if otherKind == "case"] if rng.random() < SCENES else ()
        if scenes:
            text = rng.choice(scenes).sample(rng) + rng.choice(BETWEEN[lang]) + text
        return grammar.tidy(text)

    def computedQuestion(self, rng, lang):
        kind = rng.choices(list(computed.WEIGHTS), list(computed.WEIGHTS.values()))[0]
        values, think, answer = computed.MAKERS[kind](rng, lang)
        text = self.forms[kind, lang].sample(rng)
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
        text = noise.disturb(grammar.tidy(text), lang, rng, 0.5)
        return Question(text, withThinking(think, answer), kind, lang)

    def offTopicQuestion(self, rng, lang):
        text = self._offTopicText(rng, lang, rng.random())
        text = noise.disturb(fillNumbers(grammar.tidy(text), rng), lang, rng)
        return Question(text, rng.choice(self.refusals[lang]), None, lang)

    def _offTopicText(self, rng, lang, roll):
        """`roll` chooses the kind: tasks, traps that sound like the program, or frames around a foreign noun or phrase."""
        for name, end in (("arithmetic", 0.04), ("chores", 0.22), ("traps", 0.38)):
            if roll < end:
                return self.offTopic[name, lang].sample(rng)
        kind, nouns = rng.choice(self.subjects)
        noun, other = rng.choice(nouns[lang]), rng.choice(nouns[lang])
        if roll < 0.54:
            return self._framed(rng, lang, self.phrases["off-topic", lang])
        if roll < 0.60 and kind != "act":
            return self.frames["thing", lang].sample(rng).replace("{p}", noun)
        if roll < 0.66:
            return self._aboutWords(rng, lang, nouns[lang])
        frame = self.offTopic["ontopic" if roll < 0.80 and kind != "act" else kind, lang]
        return frame.sample(rng).replace("{x}", noun).replace("{y}", other)

    def question(self, rng, lang):
        while True:
            roll = rng.random()
            if roll < FACT:
                made = self.factQuestion(rng, lang)
            elif roll < FACT + OFF_TOPIC:
                made = self.offTopicQuestion(rng, lang)
            else:
                made = self.computedQuestion(rng, lang)
            if lang == "zh" and not HAN.search(made.text):
                continue  # nothing shows that it is Chinese: "INT8?" is to be answered in English
            if not self._heldOut.repeats(made.text, lang):
                return made
            self.dropped += 1

    # -- dialogues --
    def _followUp(self, rng, lang, previous):
        """A question that needs the turn before it, with its answer; None when there is no such."""
        links = self.links.get((previous.fact, lang))
        if links and rng.random() < LINKED:
            asked, forms = rng.choice(links)
            return Question(noise.disturb(forms.sample(rng), lang, rng, 0.4), self.answer(asked, lang), asked, lang)
        roll = rng.random()
        written = previous.fact in self.written
        text = None
        if roll < 0.2 and written:
            text, answer = self.frames["more", lang].sample(rng), self.facts["more"][lang]
        elif roll < 0.35:
            text, answer = self.frames["again", lang].sample(rng), previous.answer
        elif roll < 0.5 and written:
            other = "zh" if lang == "en" else "en"
            text, answer = self.frames["other-language", lang].sample(rng), self.answer(previous.fact, other)
        elif roll < 0.7:
            text, answer = self.frames["okay", lang].sample(rng), self.facts["okay"][lang]
        if text is None:
            return None
        return Question(noise.disturb(text, lang, rng, 0.4), answer, "okay", lang)

    def dialogue(self, rng):
        lang = rng.choice(LANGUAGES)
        turns = [self.question(rng, lang)]
        while len(turns) < 4 and rng.random() < 0.27:
            share = 0.8 if (turns[-1].fact, lang) in self.links else 0.45
            followUp = self._followUp(rng, lang, turns[-1]) if rng.random() < share else None
            if followUp and self._heldOut.repeats(followUp.text, lang):
                followUp = None
            if rng.random() < 0.05:
                lang = rng.choice(LANGUAGES)
            turns.append(followUp or self.question(rng, lang))
        system = rng.choice(SYSTEM_TEXTS) if rng.random() < 0.06 else None
        return Dialogue(lang, system, [(t.text, t.answer) for t in turns])

    def dialogues(self, seed, count):
        rng = random.Random(seed)
        for _ in range(count):
            yield self.dialogue(rng)

    def page(self, rng):
        """Plain text: some facts one after another, as in a handbook."""
        lang = rng.choice(LANGUAGES)
        parts = []
        for fact in rng.sample(self.written, 5):
            keywords = self.keywords[fact, lang]
            title = rng.choice(keywords) if keywords else self.forms[fact, lang].sample(rng)
            parts.append(f"## {title}\n\n{self.facts[fact][lang]}\n")
        return "\n".join(parts)


def fillNumbers(text, rng):
    """{n}: a number of one or two digits, {N}: of three to five."""
    while "{n}" in text:
        text = text.replace("{n}", str(rng.randint(2, 99)), 1)
    while "{N}" in text:
        text = text.replace("{N}", str(rng.randint(100, 99_999)), 1)
    return text


def readSubjects(path):
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, rest = line.split(":", 1)
            english, chinese = rest.split("|")
            yield head.split()[0], {"en": [n.strip() for n in english.split(", ")],
                                    "zh": [n.strip() for n in chinese.split("、")]}


def readWords(path, lang):
    words = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            fact, rest = line.split(":", 1)
            words[fact] = [w.strip() for w in rest.split(", " if lang == "en" else "、")]
    return words


def readHeldOut(folder):
    """Held-out questions (with `fact` and `keys`) and off-topic ones (without)."""
    held = pathlib.Path(folder) / "heldout"
    return [json.loads((held / name).read_text(encoding="utf-8")) for name in ("questions.json", "offtopic.json")]
