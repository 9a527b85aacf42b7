"""Dialogues to token arrays, on all cores, and the batches made of them.

A token carries a kind: QUESTION (what the model reads), ANSWER (what it must learn to write) or OLD
(an earlier answer whose reasoning was taken out, as the chat template does; not learnt).
"""
import array
import multiprocessing
import random
import re

import torch

import bpe
import dialogues

QUESTION, ANSWER, OLD = 0, 1, 2
LONGEST = 1024  # tokens of a training sequence
DROPOUT_SHARE, DROPOUT = 0.5, 0.12  # so many questions are cut by BPE with so much dropout


def encodeDialogue(tokenizer, dialogue, rng):
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
        add(tokenizer.encodeAnswer(answer) + [tokenizer.eos], kind)
    return ids[:LONGEST], kinds[:LONGEST]


def longDialogue(corpus, rng):
    """Many turns, so that the model has seen a long chat."""
    parts = [corpus.dialogue(rng) for _ in range(rng.randint(3, 8))]
    turns = [turn for part in parts for turn in part.turns]
    return dialogues.Dialogue(parts[0].lang, None, turns)


def makePart(job):
    folder, heldOut, seed, count = job
    corpus = dialogues.Corpus(folder, heldOut)
    tokenizer = bpe.Tokenizer.load(f"{folder}/tokenizer.json")
    rng = random.Random(seed)
    ids, kinds, lengths = array.array("H"), array.array("B"), array.array("I")
    for _ in range(count):
        roll = rng.random()
        if roll < 0.03:
            one = [tokenizer.bos] + tokenizer.encode(corpus.page(rng)) + [tokenizer.eos]
            one, kind = one[:LONGEST], [ANSWER] * min(len(one), LONGEST)
        else:
            dialogue = longDialogue(corpus, rng) if roll < 0.045 else corpus.dialogue(rng)
            one, kind = encodeDialogue(tokenizer, dialogue, rng)
        ids.extend(one)
        kinds.extend(kind)
        lengths.append(len(one))
    return ids.tobytes(), kinds.tobytes(), lengths.tobytes(), corpus.dropped


class Data:
    """All sequences on one device: flat tokens and kinds, and where each sequence begins."""

    def __init__(self, folder, heldOut, seed, count, device, processes):
        parts = max(1, processes) * 2
        jobs = [(folder, heldOut, seed * 1000 + i, count // parts) for i in range(parts)]
        with multiprocessing.Pool(processes) as pool:
            made = pool.map(makePart, jobs, chunksize=1)
        join = lambda i, dtype: torch.cat([torch.frombuffer(bytearray(m[i]), dtype=dtype) for m in made])
        self.tokens = join(0, torch.int16).to(device).int() & 0xFFFF
        self.kinds = join(1, torch.uint8).to(device)
        self.lengths = join(2, torch.int32).to(device).long()
        self.starts = self.lengths.cumsum(0) - self.lengths
        self.dropped = sum(m[3] for m in made)
        self.device = device

    def batches(self, rng, batchTokens):
        """Index tensors of sequences of like length, in random order; one epoch."""
        jitter = torch.rand(len(self.lengths), device=self.device) * 12
        order = (self.lengths + jitter).argsort()
        lengths = self.lengths[order].tolist()
        cuts, begin, longest = [], 0, 0
        for i, length in enumerate(lengths):
            longest = max(longest, length)
            if longest * (i + 1 - begin) > batchTokens and i > begin:
                cuts.append((begin, i))
                begin, longest = i, length
        cuts.append((begin, len(lengths)))
        rng.shuffle(cuts)
        for begin, end in cuts:
            yield order[begin:end]

    def gather(self, chosen):
        """tokens [B, T], kinds [B, T], inside [B, T] (False on padding)."""
        lengths = self.lengths[chosen]
        longest = int(-(-int(lengths.max()) // 16) * 16)
        steps = torch.arange(longest, device=self.device)
        inside = steps[None, :] < lengths[:, None]
        where = (self.starts[chosen][:, None] + steps[None, :]).clamp(max=len(self.tokens) - 1)
        tokens = torch.where(inside, self.tokens[where], torch.zeros_like(where, dtype=torch.int32))
        return tokens.long(), self.kinds[where], inside
