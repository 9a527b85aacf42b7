"""What a trained Ember can do: loss on unseen dialogues, perplexity of a text, held-out questions."""
import math

import torch
import torch.nn.functional as F

import grade
import gguf
from training_data import ANSWER


@torch.no_grad()
def answerLoss(model, data, limit=200, batchTokens=16384):
    """Mean loss over the answers' tokens [nats]."""
    model.eval()
    total = count = 0.0
    for number, batch in enumerate(data.batches(FixedOrder(), batchTokens)):
        if number >= limit:
            break
        tokens, kinds, inside = data.gather(batch)
        logits = model.logits(model(tokens[:, :-1])).float()
        learnt = (inside & (kinds == ANSWER))[:, 1:]
        losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        total += float((losses * learnt.flatten()).sum())
        count += float(learnt.sum())
    return total / max(count, 1)


class FixedOrder:
    def shuffle(self, _):
        pass


@torch.no_grad()
def perplexity(model, tokenizer, text, device, window=512):
    """exp of the mean loss over windows of the text, each after a begin token."""
    model.eval()
    ids = tokenizer.encode(text)
    total = count = 0.0
    for begin in range(0, len(ids), window):
        row = torch.tensor([[tokenizer.bos] + ids[begin:begin + window]], device=device)
        logits = model.logits(model(row[:, :-1])).float()
        total += float(F.cross_entropy(logits[0], row[0, 1:], reduction="sum"))
        count += row.shape[1] - 1
    return math.exp(total / count)


@torch.no_grad()
def answerGreedy(model, tokenizer, questions, device, mostTokens, rows=100):
    """The greedy answers to questions (dicts with `question` and perhaps `turns`)."""
    model.eval()
    answers = []
    for begin in range(0, len(questions), rows):
        prompts = []
        for q in questions[begin:begin + rows]:
            ids = [tokenizer.bos]
            for user, assistant in q.get("turns", []):
                ids += [tokenizer.user] + tokenizer.encode(user) + [tokenizer.assistant]
                ids += tokenizer.encode(assistant) + [tokenizer.eos]
            prompts.append(ids + [tokenizer.user] + tokenizer.encode(q["question"]) + [tokenizer.assistant])
        lengths = torch.tensor([len(p) for p in prompts], device=device)
        widest = int(lengths.max()) + mostTokens
        tokens = torch.zeros(len(prompts), widest, dtype=torch.long, device=device)
        for row, prompt in enumerate(prompts):
            tokens[row, :len(prompt)] = torch.tensor(prompt, device=device)
        first, done = lengths.clone(), torch.zeros(len(prompts), dtype=torch.bool, device=device)
        everyRow = torch.arange(len(prompts), device=device)
        for _ in range(mostTokens):
            hidden = model(tokens[:, :int(lengths.max())])
            best = model.logits(hidden[everyRow, lengths - 1]).argmax(-1)
            done |= best == tokenizer.eos
            if done.all():
                break
            tokens[everyRow, lengths] = torch.where(done, tokens[everyRow, lengths], best)
            lengths = torch.where(done, lengths, lengths + 1)
        for row in range(len(prompts)):
            answers.append(tokenizer.decode(tokens[row, int(first[row]):int(lengths[row])].tolist()))
    return answers


def quantizedState(model, kind):
    """The model's weights as int8 (Q8_0 everywhere) or int4 (Q4_0, embeddings Q8_0) give them back."""
    state = {}
    for name, p in model.tensors():
        array = p.detach().float().cpu().numpy()
        if array.ndim == 2:
            four = kind == "int4" and name != "token_embd.weight"
            array = gguf.throughQ4(array) if four else gguf.throughQ8(array)
        state[name] = torch.from_numpy(array)
    return state


@torch.no_grad()
def loadState(model, state):
    for name, p in model.tensors():
        p.copy_(state[name].to(p.device))


def held(model, tokenizer, questions, offTopic, device, mostTokens):
    """Figures of the held-out sets, and every answer for the record."""
    answers = answerGreedy(model, tokenizer, questions, device, mostTokens)
    right, wrong = grade.score(questions, answers)
    offAnswers = answerGreedy(model, tokenizer, offTopic, device, mostTokens)
    invented = [q["id"] for q, a in zip(offTopic, offAnswers) if not grade.isHonest(a)]
    rightOf = lambda chosen: [sum(grade.isRight(q, a) for q, a in chosen), len(chosen)]
    asked = list(zip(questions, answers))
    byLanguage = {lang: rightOf([(q, a) for q, a in asked if q["lang"] == lang]) for lang in ("en", "zh")}
    freshOff = [q["id"] for q in offTopic if q.get("fresh")]
    return {"right": right, "of": len(questions), "by_language": byLanguage, "wrong": wrong,
            "fresh": rightOf([(q, a) for q, a in asked if q.get("fresh")]),
            "honest": len(offTopic) - len(invented), "of_off_topic": len(offTopic), "invented": invented,
            "fresh_honest": [len(set(freshOff) - set(invented)), len(freshOff)],
            "refused_on_topic": sum(grade.isHonest(a) for a in answers)}, dict(
                zip([q["id"] for q in questions + offTopic], answers + offAnswers))
