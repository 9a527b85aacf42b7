"""How much of a held-out question a training question repeats: shared 3-grams of words (English)
or characters (Chinese), as a share of the held-out question's own 3-grams."""
import re

LIMIT = 0.60


def grams(text, lang):
    text = text.lower()
    if lang == "zh":
        units = re.findall(r"\w", text)
    else:
        units = re.findall(r"\w+(?:'\w+)?|[^\w\s?.!,;:\"]", text)
    if len(units) < 3:
        return {tuple(units)} if units else set()
    return {tuple(units[i:i + 3]) for i in range(len(units) - 2)}


class HeldOut:
    """The held-out questions, indexed by 3-gram."""

    def __init__(self, questions):
        self._sizes = []
        self._index = {}
        self.questions = questions
        for number, question in enumerate(questions):
            own = grams(question["question"], question["lang"])
            self._sizes.append(max(1, len(own)))
            for gram in own:
                self._index.setdefault((question["lang"], gram), []).append(number)

    def nearest(self, text, lang):
        """(share, number of the held-out question) of the nearest one; (0, None) when none."""
        counts = {}
        for gram in grams(text, lang):
            for number in self._index.get((lang, gram), ()):
                counts[number] = counts.get(number, 0) + 1
        best = (0.0, None)
        for number, count in counts.items():
            best = max(best, (count / self._sizes[number], number), key=lambda pair: pair[0])
        return best

    def repeats(self, text, lang):
        return self.nearest(text, lang)[0] > LIMIT
