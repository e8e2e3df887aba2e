"""A small transformer that guesses the next letter. Text is ASCII: a letter's number is its code, 0 to 127."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LETTERS = 128
CONTEXT = 64  # how many letters it sees


class Block(nn.Module):
    """Letters look at those before them, then each is thought about by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_looking, self.before_thinking = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.look(self.before_looking(x)).view(rows, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.mix(seen.transpose(1, 2).reshape(rows, length, width))
        thought: Tensor = x + self.think(self.before_thinking(x))
        return thought


class LanguageModel(nn.Module):
    """[rows, letters] int64 in, at most CONTEXT letters; [rows, letters, LETTERS] scores of what comes next out."""

    def __init__(self, width: int = 64, heads: int = 4, blocks: int = 2) -> None:
        super().__init__()
        self.letter, self.place = nn.Embedding(LETTERS, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm, self.score = nn.LayerNorm(width), nn.Linear(width, LETTERS, bias=False)

    def forward(self, letters: Tensor) -> Tensor:
        places = torch.arange(letters.shape[1], device=letters.device)
        scores: Tensor = self.score(self.norm(self.blocks(self.letter(letters) + self.place(places))))
        return scores


def loss(model: nn.Module, windows: Tensor) -> Tensor:
    """The mean over the letters of `windows` [rows, letters + 1] of how much each was a surprise, in nats."""
    scores: Tensor = model(windows[:, :-1])
    return functional.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())


@torch.no_grad()
def continued(model: nn.Module, start: str, length: int) -> str:
    """The text `start` with `length` more letters, as the model would go on."""
    letters = torch.tensor([list(start.encode("ascii"))])
    for _ in range(length):
        chances = functional.softmax(model(letters[:, -CONTEXT:])[:, -1], dim=-1)
        letters = torch.cat([letters, torch.multinomial(chances, 1)], dim=1)
    return bytes(letters[0].tolist()).decode("ascii")
