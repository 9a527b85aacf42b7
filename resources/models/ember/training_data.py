"""Dialogues to token arrays, on all cores while the training runs, and the batches made of them.

A token carries a kind: QUESTION (what the model reads), ANSWER (what it must learn to write) or OLD
(an earlier answer whose reasoning was taken out, as the chat template does; not learnt).
"""
import array
import collections
import itertools
import multiprocessing
import os
import random
import re

import torch

import bpe
import dialogues

QUESTION, ANSWER, OLD = 0, 1, 2
LONGEST = 1024  # tokens of a training sequence
DROPOUT_SHARE, DROPOUT = 0.6, 0.15  # so many questions are cut by BPE with so much dropout
# An answer is known by heart soon; which one to give is what is hard, and its first tokens say it. So many
# sequences end after so many tokens of their last answer, most of them of the first turn: nearly twice as many
# questions in the same time.
CUT_SHARE, CUT_LEAST, CUT_MOST, CUT_ALONE = 0.65, 10, 18, 0.7
PAGES, LONG = 0.01, 0.007  # shares of plain text and of dialogues with many turns; they are ten times as long as others
PART = 40_000   # dialogues made by one process at a time
UNSEEN_SEED = 99


def encodeDialogue(tokenizer, dialogue, rng, cut=False):
    """(ids, kinds); `cut`: the last answer only begins."""
    ids, kinds = [tokenizer.bos], [QUESTION]

    def add(tokens, kind):
        ids.extend(tokens)
        kinds.extend([kind] * len(tokens))

    if dialogue.system:
        add(tokenizer.encode(dialogue.system), QUESTION)
    for number, (question, answer) in enumerate(dialogue.turns):
        dropout = DROPOUT if rng.random() < DROPOUT_SHARE else 0.0
        add([tokenizer.user] + tokenizer.encode(question, rng, dropout) + [tokenizer.assistant], QUESTION)
        kind = ANSWER
        if number + 1 < len(dialogue.turns) and "</think>" in answer:
            answer, kind = re.sub(r"<think>.*?</think>\s*", "", answer, flags=re.DOTALL), OLD
        said = tokenizer.encodeAnswer(answer) + [tokenizer.eos]
        begin = len(ids) + (said.index(tokenizer.thinkEnd) if tokenizer.thinkEnd in said else 0)
        add(said, kind)
    end = min(LONGEST, begin + rng.randint(CUT_LEAST, CUT_MOST) if cut else LONGEST)
    return ids[:end], kinds[:end]


def longDialogue(corpus, rng):
    """Many turns, so that the model has seen a long chat."""
    parts = [corpus.dialogue(rng) for _ in range(rng.randint(3, 8))]
    turns = [turn for part in parts for turn in part.turns]
    return dialogues.Dialogue(parts[0].lang, None, turns)


class Maker:
    """What a process needs to make parts; read once."""

    def __init__(self, folder, heldOut):
        self.corpus = dialogues.Corpus(folder, heldOut)
        self.tokenizer = bpe.Tokenizer.load(f"{folder}/tokenizer.json")

    def sequence(self, rng, cutShare):
        roll = rng.random()
        if roll < PAGES:
            ids = [self.tokenizer.bos] + self.tokenizer.encode(self.corpus.page(rng)) + [self.tokenizer.eos]
            return ids[:LONGEST], [ANSWER] * min(len(ids), LONGEST)
        if roll < PAGES + LONG:
            return encodeDialogue(self.tokenizer, longDialogue(self.corpus, rng), rng)
        dialogue, cut = self.corpus.dialogue(rng), rng.random() < cutShare
        if cut and rng.random() < CUT_ALONE:
            del dialogue.turns[1:]
        return encodeDialogue(self.tokenizer, dialogue, rng, cut)

    def part(self, seed, count, cutShare):
        rng = random.Random(seed)
        before = self.corpus.dropped
        ids, kinds, lengths = array.array("H"), array.array("B"), array.array("I")
        for _ in range(count):
            one, kind = self.sequence(rng, cutShare)
            ids.extend(one)
            kinds.extend(kind)
            lengths.append(len(one))
        return ids.tobytes(), kinds.tobytes(), lengths.tobytes(), self.corpus.dropped - before


def beginProcess(folder, heldOut):
    global maker
    os.nice(10)  # the one that feeds the GPU goes first
    maker = Maker(folder, heldOut)


def makePart(seed, count, cutShare):
    return maker.part(seed, count, cutShare)


class Stream:
    """Dialogues without end: processes make parts ahead, so that no dialogue comes twice and none is waited for.
    The parts come in the order of their seeds. To be made before CUDA is used: the processes are forks."""

    def __init__(self, folder, heldOut, processes, part=PART):
        self._pool = multiprocessing.Pool(processes, beginProcess, (folder, heldOut))
        self._part, self._seeds = part, itertools.count(1000)
        self._ahead = collections.deque(self._submit() for _ in range(2 * processes))
        self._perRound = processes
        self.sequences = self.tokens = self.dropped = 0  # handed out so far

    def _submit(self):
        return self._pool.apply_async(makePart, (next(self._seeds), self._part, CUT_SHARE))

    def next(self, device):
        """The next parts as one Data."""
        made = []
        for _ in range(self._perRound):
            made.append(self._ahead.popleft().get())
            self._ahead.append(self._submit())
        data = Data(made, device)
        self.sequences += len(data.lengths)
        self.tokens += len(data.tokens)
        self.dropped += data.dropped
        return data

    def unseen(self, count, device):
        """Dialogues with whole answers that no part holds."""
        return Data([self._pool.apply_async(makePart, (UNSEEN_SEED, count, 0.0)).get()], device)

    def close(self):
        self._pool.terminate()


class Data:
    """Sequences on one device: flat tokens and kinds, and where each sequence begins."""

    def __init__(self, made, device):
        join = lambda i, dtype: torch.cat([torch.frombuffer(bytearray(m[i]), dtype=dtype) for m in made])
        self.tokens = join(0, torch.int16).to(device).int() & 0xFFFF
        self.kinds = join(1, torch.uint8).to(device)
        self.lengths = join(2, torch.int32).long()  # [sequences], on the CPU: what is asked of it must not wait for the device
        self.starts = (self.lengths.cumsum(0) - self.lengths).to(device)
        self.dropped = sum(m[3] for m in made)
        self.device = device

    def batches(self, rng, batchTokens):
        """Batches (chosen sequences [B], their lengths [B], the width T) of like length, in random order."""
        order = (self.lengths + torch.rand(len(self.lengths)) * 12).argsort()
        lengths = self.lengths[order].tolist()
        cuts, begin, longest = [], 0, 0
        for i, length in enumerate(lengths):
            if max(longest, length) * (i + 1 - begin) > batchTokens and i > begin:
                cuts.append((begin, i, longest))
                begin, longest = i, 0
            longest = max(longest, length)
        cuts.append((begin, len(lengths), longest))
        rng.shuffle(cuts)
        order, placed = order.to(self.device), self.lengths[order].to(self.device)
        for begin, end, longest in cuts:
            yield order[begin:end], placed[begin:end], -(-longest // 16) * 16

    def gather(self, batch):
        """tokens [B, T], kinds [B, T], inside [B, T] (False on padding)."""
        chosen, lengths, width = batch
        steps = torch.arange(width, device=self.device)
        inside = steps[None, :] < lengths[:, None]
        where = (self.starts[chosen][:, None] + steps[None, :]).clamp(max=len(self.tokens) - 1)
        tokens = torch.where(inside, self.tokens[where], torch.zeros_like(where, dtype=torch.int32))
        return tokens.long(), self.kinds[where], inside
