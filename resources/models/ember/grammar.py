"""Question forms: a small grammar that a person writes and the generator expands.

A form is one line of text: (a|b) chooses, [a] may be left out, <name> inserts a macro of the
language's common file. `{x}` stays as it is; the generator fills it. Standard library only.
"""
import math
import pathlib
import re

HAN = r"\u3400-\u9fff\u3000-\u303f\uff00-\uffef\u201c\u201d"
_BETWEEN_HAN = re.compile(rf"(?<=[{HAN}])\s+(?=[{HAN}])")


PHRASE_KINDS = ("do", "thing", "case", "say")


class Form:
    """A parsed line. `variants` is how many texts it can make, `written` how many of them without the macros."""

    def __init__(self, text, macros):
        self.text = text
        self._macros = macros
        self._at = 0
        self._root = self._alternatives(end="")
        self.variants = self._count(self._root)
        self.written = self._count(self._root, ofMacro=lambda _: 1)

    def sample(self, rng):
        out = []
        self._expand(self._root, rng, out)
        return tidy("".join(out))

    # -- parsing: a node is a list of sequences, a sequence a list of str or (kind, node) --
    def _alternatives(self, end):
        sequences, current = [], []
        while self._at < len(self.text):
            c = self.text[self._at]
            if c == end:
                break
            self._at += 1
            if c == "|" and end:
                sequences.append(current)
                current = []
            elif c in "([":
                close = ")" if c == "(" else "]"
                node = self._alternatives(close)
                if self._at >= len(self.text):
                    raise ValueError(f"unclosed {c} in form: {self.text}")
                self._at += 1
                current.append(("choice" if c == "(" else "option", node))
            elif c == "<" and (name := self._macroName()):
                current.append(("macro", self._macros[name]._root))
            else:
                current.append(c)
        sequences.append(current)
        return sequences

    def _macroName(self):
        found = re.match(r"(\w+)>", self.text[self._at:])
        if not found or found.group(1) not in self._macros:
            return None
        self._at += found.end()
        return found.group(1)

    def _expand(self, node, rng, out):
        sequence = node[rng.randrange(len(node))] if len(node) > 1 else node[0]
        for part in sequence:
            if isinstance(part, str):
                out.append(part)
            elif part[0] != "option" or rng.random() < 0.5:
                self._expand(part[1], rng, out)

    def _count(self, node, ofMacro=None):
        total = 0
        for sequence in node:
            product = 1
            for part in sequence:
                if isinstance(part, str):
                    continue
                count = ofMacro(part[1]) if ofMacro and part[0] == "macro" else self._count(part[1], ofMacro)
                product *= count + (part[0] == "option")
            total += product
        return total


def tidy(text):
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ([,?.!])", r"\1", text)
    return _BETWEEN_HAN.sub("", text)


def readMacros(path):
    macros = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, text = line.split("=", 1)
            macros[name.strip()] = Form(text.strip(), macros)
    return macros


def readSections(path, macros):
    """{section: ([Form], [keyword])} of a file whose sections begin with `# name`."""
    sections = {}
    forms = keywords = None
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if line.startswith("# "):
            forms, keywords = sections.setdefault(line[2:].strip(), ([], []))
        elif line.startswith("kw:"):
            keywords.extend(k.strip() for k in line[3:].split("|"))
        elif line:
            if forms is None:
                raise ValueError(f"{path}:{number}: a form before the first section")
            forms.append(Form(line, macros))
    return sections


def readPhrases(path, macros, separator):
    """(section, [(kind, Form)]) of a file with lines `kind: phrase; phrase ...` under `# name`. The kind names the
    frames: `do` a verb with what follows, `thing` a noun, `case` a sentence that tells what happens, `say` a remark."""
    found = []
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("# "):
            found.append((line[2:].strip(), []))
        elif line:
            kind, rest = line.split(": ", 1)
            if not found or kind not in PHRASE_KINDS:
                raise ValueError(f"{path}:{number}: no section or no such kind of phrase")
            found[-1][1].extend((kind, Form(p.strip(), macros)) for p in rest.split(separator) if p.strip())
    return found


class Weighted:
    """Chooses forms; one that can make many texts comes oftener, but only by its logarithm."""

    def __init__(self, forms):
        self.forms = forms
        self._weights = [1 + min(6.0, math.log2(f.variants)) for f in forms]

    def sample(self, rng):
        return rng.choices(self.forms, self._weights)[0].sample(rng)
