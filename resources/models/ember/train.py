#!/usr/bin/env python3
"""Trains Ember and writes ember.gguf with its model card.

    python3 train.py --out FOLDER [--seconds 440] [--compile] [--resume FOLDER/ember.pt | ../ember.gguf] [--smoke]
    python3 train.py --out FOLDER --measure      tokens per second of each way to train, in about a minute and a half

Needs PyTorch and numpy, no network. The training ends --seconds after the start; the evaluation takes about 15 s
more. Dialogues are made on all cores but two while the GPU trains: the first are there after about 15 s.
Writes into FOLDER: ember.gguf (Q8_0), ember.pt (bf16 weights to resume from, under 16 MiB), README.md
(model card), results.json (all figures, the held-out answers).
"""
import argparse
import contextlib
import hashlib
import json
import math
import os
import pathlib
import random
import time

import torch
import torch.nn.functional as F

import bpe
import dialogues
import evaluation
import gguf
import model_card
from network import Ember, FourBit, Shape
from training_data import ANSWER, PART, QUESTION, Stream

HERE = pathlib.Path(__file__).resolve().parent
# Of a question's token in the loss, at the beginning and at the end; an answer's has 1. Questions teach which words
# belong together; to guess them is no aim.
QUESTION_WEIGHT, QUESTION_WEIGHT_END = 0.15, 0.03
# Shares of question tokens replaced by random ones, in most questions and in some. Where much is replaced, every word
# that is left must speak for its fact, also among words that say nothing: so unknown wordings are read.
TOKEN_NOISE, HEAVY_NOISE, HEAVY_SHARE = 0.05, 0.25, 0.25
FOUR_BIT_FROM, FOUR_BIT_SHARE = 0.6, 0.3  # after this share of the time, so many steps run with 4-bit weights
AVERAGE_EVERY, AVERAGE = 4, 0.985          # moving average of the weights


UNSEEN = 6000            # dialogues for the answer loss


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=440, help="from the start of the program to the end of the training")
    parser.add_argument("--batch-tokens", type=int, default=49152)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--compile", action="store_true", help="fuse the network with torch.compile; without it when that fails")
    parser.add_argument("--resume", help="weights to begin with: an ember.pt, or the ember.gguf of an earlier version")
    parser.add_argument("--measure", action="store_true", help="print tokens per second with and without --compile, then end")
    parser.add_argument("--smoke", action="store_true", help="a minute's check of every step on little data")
    options = parser.parse_args()
    options.part, options.unseen = PART, UNSEEN
    if options.smoke:
        options.seconds, options.batch_tokens = min(options.seconds, 30), 4096
        options.part, options.unseen = 400, 20
    return options


def learningRate(share, peak, resumed):
    warm = 0.02
    if share < warm:
        return peak * share / warm
    if resumed:
        peak *= 0.4
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share - warm) / (1 - warm))))


def lossOf(model, given, wanted, weight):
    """Weighted mean loss [nats]. given, wanted, weight [B, T]"""
    logits = model.logits(model(given))
    losses = F.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), reduction="none")
    weight = weight.flatten()
    return (losses * weight).sum() / weight.sum()


def learn(model, loss, data, batch, questionWeight):
    """One batch: the gradients, and the loss (still on the device)."""
    vocabulary = model.shape.vocabulary
    tokens, kinds, inside = data.gather(batch)
    asked = inside & (kinds == QUESTION)
    heavy = torch.rand(len(tokens), 1, device=tokens.device) < HEAVY_SHARE
    noisy = asked & (torch.rand(tokens.shape, device=tokens.device) < torch.where(heavy, HEAVY_NOISE, TOKEN_NOISE))
    noisy[:, 0] = False
    noisy &= (tokens < vocabulary - len(bpe.SPECIAL)) & ((tokens < ord("0")) | (tokens > ord("9")))  # a sum needs its digits
    given = torch.where(noisy, torch.randint_like(tokens, vocabulary - len(bpe.SPECIAL)), tokens)
    weight = (inside & (kinds == ANSWER)).float() + questionWeight * asked.float()
    with autocast(data.device):
        value = loss(model, given[:, :-1], tokens[:, 1:], weight[:, 1:])
    value.backward()
    return value.detach()


def autocast(device):
    return torch.autocast("cuda", dtype=torch.bfloat16) if device == "cuda" else contextlib.nullcontext()


def lossFunction(model, data, options, log):
    """lossOf, compiled when that is asked for and works here."""
    if not options.compile or not hasattr(torch, "compile"):
        return lossOf
    begin = time.time()
    try:
        made = torch.compile(lossOf, dynamic=True)
        for _, batch in zip(range(3), data.batches(random.Random(1), options.batch_tokens)):
            learn(model, made, data, batch, QUESTION_WEIGHT)
        float(learn(model, made, data, batch, QUESTION_WEIGHT))
        log(f"compiled in {time.time() - begin:.0f} s")
        made = faster((made, lossOf), model, data, options, log)
    except Exception as problem:  # no compiler on this machine, or a PyTorch that cannot: slower, not impossible
        log(f"not compiled: {type(problem).__name__}: {str(problem)[:200]}")
        made = lossOf
    model.zero_grad(set_to_none=True)
    return made


def faster(losses, model, data, options, log):
    """The one of two loss functions that needs less time for the same batches."""
    seconds = []
    for loss in losses:
        begin = time.time()
        for _, batch in zip(range(24), data.batches(random.Random(2), options.batch_tokens)):
            value = learn(model, loss, data, batch, QUESTION_WEIGHT)
        float(value)
        seconds.append(time.time() - begin)
    log(f"24 batches: compiled {seconds[0]:.2f} s, as written {seconds[1]:.2f} s")
    return losses[seconds.index(min(seconds))]


class Trainer:
    def __init__(self, model, options, device):
        decayed = [p for p in model.parameters() if p.dim() == 2]
        plain = [p for p in model.parameters() if p.dim() != 2]
        self.model, self.options = model, options
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}], lr=options.rate,
            betas=(0.9, 0.98), eps=1e-8, **({"fused": True} if device == "cuda" else {}))
        self.average = [p.detach().clone() for p in model.parameters()]
        self.fourBit = FourBit(model)

    def step(self, loss, data, batch, share, inFourBit):
        for group in self.optimizer.param_groups:
            group["lr"] = learningRate(share, self.options.rate, bool(self.options.resume))
        with self.fourBit if inFourBit else contextlib.nullcontext():
            value = learn(self.model, loss, data, batch,
                          QUESTION_WEIGHT + share * (QUESTION_WEIGHT_END - QUESTION_WEIGHT))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return value

    @torch.no_grad()
    def keepAverage(self):
        for kept, p in zip(self.average, self.model.parameters()):
            kept.lerp_(p, 1 - AVERAGE)

    @torch.no_grad()
    def takeAverage(self):
        for kept, p in zip(self.average, self.model.parameters()):
            p.copy_(kept)


def train(model, stream, options, device, started, log):
    model.train()
    data = stream.next(device)
    loss = lossFunction(model, data, options, log)
    trainer = Trainer(model, options, device)
    rng, seen, steps, rounds, curve = random.Random(7), 0, 0, 0, []
    begin = saved = time.time()
    length = max(1.0, started + options.seconds - begin)
    share = 0.0
    while share < 1:
        rounds += 1
        for batch in data.batches(rng, options.batch_tokens):
            share = (time.time() - begin) / length
            if share >= 1:
                break
            value = trainer.step(loss, data, batch, share, share > FOUR_BIT_FROM and rng.random() < FOUR_BIT_SHARE)
            steps += 1
            seen += len(batch[0]) * batch[2]  # with padding, which is a few percent
            if steps % AVERAGE_EVERY == 0:
                trainer.keepAverage()
            if steps % 200 == 0 or steps == 1:
                curve.append([round(time.time() - begin, 1), steps, seen, round(value.item(), 4)])
                log(f"{curve[-1][0]:7.1f} s  step {steps}  round {rounds}  {seen / 1e6:.1f} M tokens  loss {curve[-1][3]:.4f}")
            if time.time() - saved > 60:
                saveWeights(model, options.out)
                saved = time.time()
        if share < 1:
            data = stream.next(device)
    trainer.takeAverage()
    return {"steps": steps, "rounds": rounds, "tokens": seen, "seconds": round(time.time() - begin, 1), "curve": curve}


def measure(model, stream, options, device, log):
    """Tokens per second of training steps, for each size of a batch, with and without torch.compile."""
    begin = time.time()
    data = stream.next(device)
    log(f"{len(data.lengths)} dialogues, {len(data.tokens) / 1e6:.1f} M tokens made in {time.time() - begin:.1f} s")
    model.train()
    for compiled in (False, True):
        for batchTokens in (49152, 98304):
            options.compile, options.batch_tokens = compiled, batchTokens
            loss = lossFunction(model, data, options, log)
            trainer, tokens, begin = Trainer(model, options, device), 0, 0.0
            for number, batch in zip(range(70), data.batches(random.Random(2), options.batch_tokens)):
                if number == 10:
                    tokens, begin = 0, time.time()
                value = trainer.step(loss, data, batch, 0.02, False)
                tokens += len(batch[0]) * batch[2]
            value.item()
            log(f"batch {options.batch_tokens} {'compiled' if options.compile else 'eager'}: "
                f"{tokens / (time.time() - begin) / 1e6:.2f} M tokens/s")


def saveWeights(model, folder):
    path = pathlib.Path(folder) / "ember.pt"
    torch.save({name: p.detach().to(torch.bfloat16).cpu().clone() for name, p in model.tensors()}, f"{path}.part")
    os.replace(f"{path}.part", path)


def startingState(path, tokenizer):
    """The weights of a checkpoint or of an earlier ember.gguf. Where the vocabulary has changed since,
    a new token begins as the mean of the old ones that spelled it."""
    if not path.endswith(".gguf"):
        return torch.load(path, map_location="cpu")
    earlier, arrays = gguf.read(path)
    state = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    old, rows = bpe.Tokenizer.fromSpelled(earlier["tokenizer.ggml.merges"]), state["token_embd.weight"]
    ids = [old.encodeBytes(token) for token in tokenizer.tokens]
    special = range(len(old.tokens), old.size)
    state["token_embd.weight"] = torch.stack([rows[i].mean(0) for i in ids] + [rows[i] for i in special])
    return state


def metadata(shape, tokenizer):
    special = {token: 3 for token in bpe.SPECIAL} | {"<think>": 4, "</think>": 4}
    return {
        "general.architecture": "qwen2", "general.name": "Ember", "general.type": "model",
        "general.description": "A small guide to Inglenook", "general.license": "gpl-3.0-or-later",
        "general.size_label": "7M", "general.file_type": 7, "general.quantization_version": 2,
        "general.languages": ["en", "zh"], "general.sampling.temp": 0.2, "general.sampling.top_p": 0.9,
        "qwen2.block_count": shape.layers, "qwen2.context_length": shape.context,
        "qwen2.embedding_length": shape.hidden, "qwen2.feed_forward_length": shape.inner,
        "qwen2.attention.head_count": shape.heads, "qwen2.attention.head_count_kv": shape.kvHeads,
        "qwen2.rope.freq_base": shape.theta, "qwen2.attention.layer_norm_rms_epsilon": shape.eps,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": [tokenizer.spelled(t) for t in tokenizer.tokens] + bpe.SPECIAL,
        "tokenizer.ggml.token_type": gguf.I32List([1] * len(tokenizer.tokens) + [special[s] for s in bpe.SPECIAL]),
        "tokenizer.ggml.merges": [f"{tokenizer.spelled(a)} {tokenizer.spelled(b)}" for a, b in tokenizer.merges],
        "tokenizer.ggml.bos_token_id": tokenizer.bos, "tokenizer.ggml.eos_token_id": tokenizer.eos,
        "tokenizer.ggml.padding_token_id": tokenizer.eos, "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.chat_template": (HERE / "chat_template.jinja").read_text(encoding="utf-8").rstrip("\n"),
    }


def exportGguf(model, tokenizer, path):
    tensors = [(name, p.detach().float().cpu().numpy(), gguf.Q8_0 if p.dim() == 2 else gguf.F32)
               for name, p in model.tensors()]
    size = gguf.write(path, metadata(model.shape, tokenizer), tensors)
    return {"bytes": size, "sha256": hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()}


def evaluate(model, tokenizer, unseen, text, heldOut, device, mostTokens):
    """Figures of the f32 master, int8 and int4; leaves the master's weights in the model."""
    figures, record = {}, {}
    master = {name: p.detach().clone() for name, p in model.tensors()}
    for form in ("f32", "int8", "int4"):
        if form != "f32":
            evaluation.loadState(model, evaluation.quantizedState(model, form))
        figures[form], record[form] = evaluation.held(model, tokenizer, *heldOut, device, mostTokens)
        figures[form]["answer_loss"] = evaluation.answerLoss(model, unseen)
        figures[form]["perplexity"] = evaluation.perplexity(model, tokenizer, text, device)
        evaluation.loadState(model, master)
    return figures, record


def main():
    options = arguments()
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    started = time.time()
    log = lambda text: print(f"[{time.time() - started:6.1f}] {text}", flush=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    questions, offTopic = dialogues.readHeldOut(HERE)
    heldOut = questions + offTopic
    if options.smoke:
        questions, offTopic = questions[:4], offTopic[:2]
    stream = Stream(str(HERE), heldOut, max(1, min(16, os.cpu_count() or 1) - 2), options.part)
    tokenizer = bpe.Tokenizer.load(HERE / "tokenizer.json")
    shape = Shape(tokenizer.size)
    if options.smoke and not options.resume:
        shape = Shape(tokenizer.size, hidden=64, layers=2, heads=2, kvHeads=1, headSize=32, inner=96)
    model = Ember(shape).to(device)
    if options.resume:
        evaluation.loadState(model, startingState(options.resume, tokenizer))
        log(f"begins with the weights of {options.resume}")
    if options.measure:
        measure(model, stream, options, device, log)
        stream.close()
        return
    run = train(model, stream, options, device, started, log)
    unseen = stream.unseen(options.unseen, device)
    stream.close()
    log(f"{stream.sequences} dialogues, {stream.tokens / 1e6:.1f} M tokens, {stream.dropped} questions left out because they "
        f"repeat a held-out one; device {device}")
    run["parameters"] = sum(p.numel() for p in model.parameters())
    run["data_tokens"], run["sequences"] = stream.tokens, stream.sequences
    saveWeights(model, out)
    file = exportGguf(model, tokenizer, out / "ember.gguf")
    log(f"{run['parameters']} parameters, {run['tokens'] / 1e6:.0f} M tokens in {run['steps']} steps, ember.gguf "
        f"{file['bytes']} bytes")
    text = (HERE / "heldout/text.md").read_text(encoding="utf-8")
    mostTokens = 320
    if options.smoke:
        text, mostTokens = text[:1500], 12
    figures, record = evaluate(model, tokenizer, unseen, text, (questions, offTopic), device, mostTokens)
    for form, f in figures.items():
        log(f"{form}: right {f['right']}/{f['of']} {f['by_language']}, honest {f['honest']}/{f['of_off_topic']}, "
            f"answer loss {f['answer_loss']:.4f}, perplexity {f['perplexity']:.4f}")
    beganWith = "random weights"
    if options.resume:
        earlier = hashlib.sha256(pathlib.Path(options.resume).read_bytes()).hexdigest()
        beganWith = f"the weights of an earlier training (`{pathlib.Path(options.resume).name}`, sha256 `{earlier}`)"
    results = {"run": run, "began_with": beganWith, "file": file, "figures": figures, "answers": record["int8"], "device": device,
               "torch": torch.__version__, "total_seconds": round(time.time() - started, 1)}
    (out / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
    (out / "README.md").write_text(model_card.text(results, shape), encoding="utf-8")
    log("done")


if __name__ == "__main__":
    main()
