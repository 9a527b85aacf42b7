"""The model card, README.md beside the model: written by train.py from what was measured."""


def curveTable(curve):
    picked = curve[::max(1, len(curve) // 12)]
    rows = [f"| {seconds:.0f} | {steps} | {tokens / 1e6:.1f} | {loss:.3f} |" for seconds, steps, tokens, loss in picked]
    return "\n".join(["| seconds | steps | M tokens | loss |", "|---|---|---|---|", *rows])


def figureTable(figures):
    base = figures["f32"]["perplexity"]
    rows = []
    for form, f in figures.items():
        change = (f["perplexity"] / base - 1) * 100
        en, zh = f["by_language"]["en"], f["by_language"]["zh"]
        rows.append(f"| {form} | {f['right']} / {f['of']} | {en[0]} / {en[1]} | {zh[0]} / {zh[1]} | "
                    f"{f['honest']} / {f['of_off_topic']} | {f['answer_loss']:.4f} | {f['perplexity']:.4f} ({change:+.2f} %) |")
    return "\n".join(["| weights | held-out questions | English | Chinese | off topic, honest | answer loss | perplexity |",
                      "|---|---|---|---|---|---|---|", *rows])


def freshText(figures):
    right, of = figures["fresh"]
    honest, ofHonest = figures["fresh_honest"]
    return f"""No training question repeats a held-out one (`tests/end_to_end/ember_heldout.py`). {of} of the questions and {ofHonest} of the
off-topic ones are fresh (marked `"fresh": true`): written for this version from the list of facts, before the wordings
of the new facts and before any training with them. Of these int8 answers **{right} of {of}** right and declines **{honest} of
{ofHonest}**. Their writer also
wrote `corpus/wordings` afterwards; `corpus/phrases` is by another hand, that has not seen them and knew only which facts
an earlier training had got wrong and how many of them a classifier of n-grams answered in all. The other
{figures['of'] - of} and {figures['of_off_topic'] - ofHonest} were drawn by lot from the earlier versions' set, whose failures guided what was added then: on those the
model is not blind."""


def text(results, shape):
    run, file = results["run"], results["file"]
    return f"""# Ember

The model that is built into Inglenook: a small guide to the program, in English and Chinese, so that a
fresh installation answers at once. It knows what `corpus/facts` says, counts, adds small numbers, and for
everything else says that it is only a small guide and how to load a bigger model.

| | |
|---|---|
| file | `../ember.gguf`, GGUF v3, Q8_0 (norms and biases F32), {file['bytes']} bytes |
| sha256 | `{file['sha256']}` |
| architecture | qwen2, {shape.layers} layers, hidden {shape.hidden}, {shape.heads} heads of {shape.headSize}, {shape.kvHeads} key/value heads, inner {shape.inner}, tied embeddings |
| parameters | {run['parameters']:,} |
| vocabulary | {shape.vocabulary} tokens, byte-level BPE of its own (`tokenizer.json`, pattern qwen2) |
| context | {shape.context} tokens in the file; trained on sequences of up to 1,024 |
| training text | {run['sequences']:,} dialogues, {run['data_tokens'] / 1e6:.1f} M tokens, made by `dialogues.py` from `corpus/`; all of it written for Inglenook |
| training | {run['tokens'] / 1e6:.0f} M tokens in {run['steps']} steps, {run['seconds']:.0f} s of training, {results['total_seconds']:.0f} s in all, on one {results['device']} device, PyTorch {results['torch']} |
| began with | {results['began_with']} |
| licence | GPL-3.0-or-later, like the program |

## Measured

Greedy answers, graded by key facts (`heldout/README.md`); answer loss in nats per token on unseen generated
dialogues; perplexity on `heldout/text.md`.

{figureTable(results['figures'])}

## How far the figures carry

{freshText(results['figures']['int8'])}

## Loss

{curveTable(run['curve'])}

## Limits

- It knows this version of the program and nothing of the world. Questions far from every wording of the corpus
  can get the wrong fact; what is not recognised gets the honest answer.
- Sums beyond 99 + 99, multiplication and counting over 100 are out of its reach.
- So are languages other than English and Chinese.

## Training it again

```sh
python3 bpe.py                                       # only when the corpus has changed much
python3 train.py --out /tmp/ember --measure          # which way to train is the fastest here
python3 train.py --out /tmp/ember --compile          # PyTorch, numpy, one GPU; from nothing
python3 train.py --out /tmp/ember --resume ../ember.gguf   # from the last version
```

Copy `ember.gguf` to `..` and `README.md` to this folder. The corpus: `corpus/facts` (what is true),
`corpus/wordings` and `corpus/phrases` (how people ask), `corpus/follow_ups` (what they ask next), `corpus/offtopic` (what Ember must not answer), `computed.py` (sums, memory).
"""
