"""Ember's network in PyTorch: the qwen2 architecture, small, with tied embeddings.

Shapes: B sequences of T tokens, D hidden, H query heads and G key/value heads of size S.
"""
import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Shape:
    vocabulary: int
    hidden: int = 256
    layers: int = 8
    heads: int = 4
    kvHeads: int = 2
    headSize: int = 64
    inner: int = 768
    context: int = 2048  # what the file promises; training sequences are shorter (see README)
    theta: float = 10000.0
    eps: float = 1e-6


def nearestQ4(weight):
    """The weight as Q4_0 would store it (scale kept in f32: the difference is below the step)."""
    groups = weight.reshape(-1, 32)
    extreme = groups.gather(1, groups.abs().argmax(1, keepdim=True))
    scale = extreme / -8
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    return (((groups / scale).round() + 8).clamp(0, 15) - 8).mul(scale).reshape(weight.shape)


class FourBit:
    """While it is entered, the blocks compute with 4-bit weights; the gradient then goes to the exact ones."""

    def __init__(self, model):
        self._weights = [p for p in model.blocks.parameters() if p.dim() == 2]

    @torch.no_grad()
    def __enter__(self):
        self._exact = [p.detach().clone() for p in self._weights]
        for p in self._weights:
            p.copy_(nearestQ4(p))

    @torch.no_grad()
    def __exit__(self, *_):
        for p, exact in zip(self._weights, self._exact):
            p.copy_(exact)


class Norm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        if hasattr(F, "rms_norm"):
            return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight).to(x.dtype)


def rotate(x, cos, sin):
    """RoPE over halves: elements i and i + S/2 turn together. x [B, heads, T, S]"""
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    future = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool, device=q.device).triu(1)
    return scores.masked_fill(future, float("-inf")).softmax(-1) @ v


class Block(nn.Module):
    def __init__(self, shape, dropout):
        super().__init__()
        self.shape, self.dropout = shape, dropout
        wide, narrow = shape.heads * shape.headSize, shape.kvHeads * shape.headSize
        self.attnNorm, self.ffnNorm = Norm(shape.hidden, shape.eps), Norm(shape.hidden, shape.eps)
        self.q, self.k, self.v = nn.Linear(shape.hidden, wide), nn.Linear(shape.hidden, narrow), nn.Linear(shape.hidden, narrow)
        self.o = nn.Linear(wide, shape.hidden, bias=False)
        self.gate = nn.Linear(shape.hidden, shape.inner, bias=False)
        self.up = nn.Linear(shape.hidden, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.hidden, bias=False)

    def forward(self, x, cos, sin):
        s = self.shape
        b, t, _ = x.shape
        h = self.attnNorm(x)
        q = rotate(self.q(h).view(b, t, s.heads, s.headSize).transpose(1, 2), cos, sin)
        k = rotate(self.k(h).view(b, t, s.kvHeads, s.headSize).transpose(1, 2), cos, sin)
        v = self.v(h).view(b, t, s.kvHeads, s.headSize).transpose(1, 2)
        repeat = s.heads // s.kvHeads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        a = attend(q, k, v).transpose(1, 2).reshape(b, t, -1)
        x = x + F.dropout(self.o(a), self.dropout, self.training)
        h = self.ffnNorm(x)
        return x + F.dropout(self.down(F.silu(self.gate(h)) * self.up(h)), self.dropout, self.training)


class Ember(nn.Module):
    def __init__(self, shape, dropout=0.1):
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.embedding = nn.Embedding(shape.vocabulary, shape.hidden)
        self.blocks = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.norm = Norm(shape.hidden, shape.eps)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                deep = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / (2 * shape.layers) ** 0.5 if deep else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)
        pairs = torch.arange(0, shape.headSize, 2, dtype=torch.float64) / shape.headSize
        angles = torch.arange(shape.context, dtype=torch.float64)[:, None] * shape.theta ** -pairs
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, tokens):
        """tokens [B, T] -> hidden states [B, T, D] before the head."""
        x = F.dropout(self.embedding(tokens), self.dropout, self.training)
        if torch.is_autocast_enabled() and x.is_cuda:
            x = x.to(torch.bfloat16)
        cos, sin = self.cos[:tokens.shape[1]].to(x.dtype), self.sin[:tokens.shape[1]].to(x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.embedding.weight)

    def tensors(self):
        """[(GGUF name, parameter)]"""
        names = {"attnNorm": "attn_norm", "ffnNorm": "ffn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v",
                 "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}
        yield "token_embd.weight", self.embedding.weight
        for i, block in enumerate(self.blocks):
            for name, p in block.named_parameters():
                module, kind = name.split(".")
                yield f"blk.{i}.{names[module]}.{kind}", p
        yield "output_norm.weight", self.norm.weight
