"""Byte-level byte-pair encoding: trainer, encoder (with dropout) and the printable alphabet of GPT-2.

Text is first cut by qwen2's pattern (tokenizer.ggml.pre = "qwen2"), written here for Python's re:
letters are [^\\W\\d_], numbers \\d. The trainer never makes a token of more than MAX_HAN Chinese
characters, nor of Chinese characters with a mark: Chinese has no spaces, and a token that reaches over the ends
of words is known only from the phrase it was made of. Standard library only.

    python3 bpe.py     trains on the corpus beside it and writes tokenizer.json
"""
import collections
import heapq
import json
import pathlib
import re
import sys

VOCABULARY = 4096
SPECIAL = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"]
MAX_HAN = 2
HAN = re.compile("[\u3400-\u9fff]")
MIN_PAIR = 3  # a rarer pair is not worth a token
PIECE = re.compile(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|(?:[^\r\n\w]|_)?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+[\r\n]*"
                   r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def printableAlphabet():
    """Byte -> the character that stands for it in tokenizer.ggml.tokens."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet, extra = {}, 0
    for byte in range(256):
        if byte in plain:
            alphabet[byte] = chr(byte)
        else:
            alphabet[byte] = chr(256 + extra)
            extra += 1
    return alphabet


def hanLength(data):
    return sum(0xE3 <= b <= 0xE9 for b in data)  # lead bytes of three-byte characters


def crossesWords(data):
    """Whether a token would hold more Chinese than a word, or Chinese and something else."""
    count = hanLength(data)
    if count > MAX_HAN:
        return True
    if count == 0 or len(data) < 4:
        return False
    text = data.decode("utf-8", errors="ignore")
    return len({HAN.match(c) is None for c in text}) == 2


def trainMerges(counts, merges):
    """The merges, as pairs of byte strings, of pieces with their counts."""
    words = [[bytes([b]) for b in piece.encode()] for piece in counts]
    frequency = list(counts.values())
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for number, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pairs[pair] += frequency[number]
            where[pair].add(number)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    made = []
    while heap and len(made) < merges:
        count, pair = heapq.heappop(heap)
        if pairs.get(pair, 0) != -count:
            continue
        if -count < MIN_PAIR:
            break
        if crossesWords(pair[0] + pair[1]):
            continue
        made.append(pair)
        joined = pair[0] + pair[1]
        changed = set()
        for number in where.pop(pair):
            word, times, i = words[number], frequency[number], 0
            for old in zip(word, word[1:]):
                pairs[old] -= times
                changed.add(old)
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == pair:
                    word[i:i + 2] = [joined]
                i += 1
            for new in zip(word, word[1:]):
                pairs[new] += times
                where[new].add(number)
                changed.add(new)
        for other in changed:
            if pairs[other] > 0:
                heapq.heappush(heap, (-pairs[other], other))
    return made


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.tokens = [bytes([b]) for b in range(256)]
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        self._ranks = {}
        for rank, (left, right) in enumerate(self.merges):
            joined = left + right
            if joined not in self._ids:
                self._ids[joined] = len(self.tokens)
                self.tokens.append(joined)
            self._ranks[self._ids[left], self._ids[right]] = (rank, self._ids[joined])
        self.bos, self.eos, self.user, self.assistant, self.think, self.thinkEnd = range(
            len(self.tokens), len(self.tokens) + len(SPECIAL))
        self.size = len(self.tokens) + len(SPECIAL)
        self._cache = {}

    def encode(self, text, rng=None, dropout=0.0):
        ids = []
        for piece in PIECE.findall(text):
            if dropout:
                ids += self._merge(piece, rng, dropout)
                continue
            known = self._cache.get(piece)
            if known is None:
                known = self._merge(piece, None, 0.0)
                if len(self._cache) < 200_000:
                    self._cache[piece] = known
            ids += known
        return ids

    def encodeAnswer(self, text):
        """Like encode, but <think> and </think> are their own tokens."""
        ids = []
        for part in re.split(r"(<think>|</think>)", text):
            if part == "<think>":
                ids.append(self.think)
            elif part == "</think>":
                ids.append(self.thinkEnd)
            else:
                ids += self.encode(part)
        return ids

    def encodeBytes(self, data):
        """The ids of one piece given as bytes."""
        return self._join(list(data), None, 0.0)

    def _merge(self, piece, rng, dropout):
        return self._join(list(piece.encode()), rng, dropout)

    def _join(self, ids, rng, dropout):
        while len(ids) > 1:
            best = None
            for i in range(len(ids) - 1):
                found = self._ranks.get((ids[i], ids[i + 1]))
                if found and (best is None or found[0] < best[0]) and not (dropout and rng.random() < dropout):
                    best = (found[0], found[1], i)
            if best is None:
                break
            i = best[2]
            ids[i:i + 2] = [best[1]]
        return ids

    def decode(self, ids):
        data = b"".join(self.tokens[i] if i < len(self.tokens) else
                        SPECIAL[i - len(self.tokens)].encode() for i in ids)
        return data.decode("utf-8", errors="replace")

    # -- as a file and as GGUF spells it --
    def spelled(self, token):
        alphabet = printableAlphabet()
        return "".join(alphabet[b] for b in token)

    def save(self, path):
        lines = [f"{self.spelled(left)} {self.spelled(right)}" for left, right in self.merges]
        pathlib.Path(path).write_text(json.dumps({"pre": "qwen2", "special": SPECIAL, "merges": lines},
                                                 ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    @staticmethod
    def fromSpelled(merges):
        """From merges as tokenizer.json and GGUF spell them: "left right"."""
        back = {c: b for b, c in printableAlphabet().items()}
        return Tokenizer([tuple(bytes(back[c] for c in half) for half in line.split(" ")) for line in merges])

    @staticmethod
    def load(path):
        return Tokenizer.fromSpelled(json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["merges"])


def countPieces(corpus, dialogues):
    """Pieces of the questions as often as they come; of the answers as if each came 40 times."""
    counts, answers = collections.Counter(), set()
    for dialogue in corpus.dialogues(2, dialogues):
        for question, answer in dialogue.turns:
            counts.update(PIECE.findall(question))
            if len(answers) < 4000:
                answers.add(answer)
    for answer in answers:
        for piece in PIECE.findall(re.sub(r"</?think>", "", answer)):
            counts[piece] += 10
    for fact in corpus.written:
        for lang in ("en", "zh"):
            for piece in PIECE.findall(corpus.facts[fact][lang]):
                counts[piece] += 40
    return counts


def main():
    import dialogues
    folder = pathlib.Path(__file__).parent
    questions, offTopic = dialogues.readHeldOut(folder)
    counts = countPieces(dialogues.Corpus(folder, questions + offTopic), 60_000)
    tokenizer = Tokenizer(trainMerges(counts, VOCABULARY - 256 - len(SPECIAL)))
    tokenizer.save(folder / "tokenizer.json")
    print(f"{len(counts)} pieces, {tokenizer.size} tokens", file=sys.stderr)


if __name__ == "__main__":
    main()
