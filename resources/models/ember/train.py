#!/usr/bin/env python3
"""Trains Ember and writes ember.gguf with its model card.

    python3 train.py --out FOLDER [--seconds 300] [--resume FOLDER/ember.pt | ../ember.gguf] [--smoke]

Needs PyTorch and numpy, no network. One H100: data about 20 s, training --seconds, evaluation about 30 s.
Writes into FOLDER: ember.gguf (Q8_0), ember.pt (bf16 weights to resume from, under 16 MiB), README.md
(model card), results.json (all figures, the held-out answers).
"""
import argparse
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
from network import Ember, Linear, Shape
from training_data import ANSWER, QUESTION, Data

HERE = pathlib.Path(__file__).resolve().parent
QUESTION_WEIGHT = 0.15   # of a question's token in the loss; an answer's has 1
TOKEN_NOISE = 0.06       # share of question tokens replaced by random ones
FOUR_BIT_FROM, FOUR_BIT_SHARE = 0.5, 0.35  # after this share of the time, so many steps run with 4-bit weights
AVERAGE_EVERY, AVERAGE = 4, 0.985          # moving average of the weights


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--dialogues", type=int, default=1_600_000)
    parser.add_argument("--batch-tokens", type=int, default=49152)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--resume", help="weights to begin with: an ember.pt, or the ember.gguf of an earlier version")
    parser.add_argument("--smoke", action="store_true", help="a minute's check of every step on little data")
    options = parser.parse_args()
    if options.smoke:
        options.seconds, options.dialogues, options.batch_tokens = min(options.seconds, 12), 3000, 4096
    return options


def learningRate(share, peak, resumed):
    warm = 0.02
    if share < warm:
        return peak * share / warm
    if resumed:
        peak *= 0.4
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share - warm) / (1 - warm))))


def step(model, data, chosen, vocabulary, autocast):
    tokens, kinds, inside = data.gather(chosen)
    asked = inside & (kinds == QUESTION)
    noisy = asked & (torch.rand(tokens.shape, device=tokens.device) < TOKEN_NOISE)
    noisy[:, 0] = False
    noisy &= tokens < vocabulary - len(bpe.SPECIAL)
    given = torch.where(noisy, torch.randint_like(tokens, vocabulary - len(bpe.SPECIAL)), tokens)
    with autocast():
        logits = model.logits(model(given[:, :-1]))
    weight = (inside & (kinds == ANSWER)).float() + QUESTION_WEIGHT * asked.float()
    losses = F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    weight = weight[:, 1:].flatten()
    return (losses * weight).sum() / weight.sum(), int(inside.sum())


def train(model, data, options, device, log):
    decayed = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
                                  lr=options.rate, betas=(0.9, 0.98), eps=1e-8,
                                  **({"fused": True} if device == "cuda" else {}))
    autocast = (lambda: torch.autocast("cuda", dtype=torch.bfloat16)) if device == "cuda" else (
        lambda: torch.autocast("cpu", enabled=False))
    average = [p.detach().clone() for p in model.parameters()]
    rng, seen, steps, epoch, curve = random.Random(7), 0, 0, 0, []
    begin = saved = time.time()
    model.train()
    while time.time() - begin < options.seconds:
        epoch += 1
        for chosen in data.batches(rng, options.batch_tokens):
            share = (time.time() - begin) / options.seconds
            if share >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = learningRate(share, options.rate, bool(options.resume))
            Linear.fourBit = share > FOUR_BIT_FROM and rng.random() < FOUR_BIT_SHARE
            loss, count = step(model, data, chosen, model.shape.vocabulary, autocast)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            steps += 1
            seen += count
            if steps % AVERAGE_EVERY == 0:
                with torch.no_grad():
                    for kept, p in zip(average, model.parameters()):
                        kept.lerp_(p, 1 - AVERAGE)
            if steps % 200 == 0 or steps == 1:
                curve.append([round(time.time() - begin, 1), steps, seen, round(loss.item(), 4)])
                log(f"{curve[-1][0]:7.1f} s  step {steps}  epoch {epoch}  {seen / 1e6:.1f} M tokens  loss {loss.item():.4f}")
            if time.time() - saved > 60:
                saveWeights(model, options.out)
                saved = time.time()
    Linear.fourBit = False
    with torch.no_grad():
        for kept, p in zip(average, model.parameters()):
            p.copy_(kept)
    return {"steps": steps, "epochs": epoch, "tokens": seen, "seconds": round(time.time() - begin, 1), "curve": curve}


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
    processes = min(16, os.cpu_count() or 1)
    data = Data(str(HERE), heldOut, 1, options.dialogues, device, processes)
    unseen = Data(str(HERE), heldOut, 99, max(200, options.dialogues // 300), device, processes)
    log(f"{len(data.lengths)} sequences, {len(data.tokens) / 1e6:.1f} M tokens, {data.dropped} questions left out "
        f"because they repeat a held-out one; device {device}")
    tokenizer = bpe.Tokenizer.load(HERE / "tokenizer.json")
    model = Ember(Shape(tokenizer.size)).to(device)
    if options.resume:
        evaluation.loadState(model, startingState(options.resume, tokenizer))
        log(f"begins with the weights of {options.resume}")
    run = train(model, data, options, device, log)
    run["parameters"] = sum(p.numel() for p in model.parameters())
    run["data_tokens"], run["sequences"] = len(data.tokens), len(data.lengths)
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
    (out / "README.md").write_text(model_card.text(results, Shape(tokenizer.size)), encoding="utf-8")
    log("done")


if __name__ == "__main__":
    main()
