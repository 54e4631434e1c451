"""Plain vision transformers of base size (Dosovitskiy et al., ICLR 2021, arXiv:2010.11929): what AST and VideoMAE V2 share."""

from torch import nn

WIDTH, HEADS, DEPTH = 768, 12, 12


class Attention(nn.Module):
    """`tokens` are counted here, so that the exported graph holds their number as a constant."""

    def __init__(self, tokens):
        super().__init__()
        self.tokens = tokens
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        size = WIDTH // HEADS
        query, key, value = self.qkv(x).reshape(-1, self.tokens, 3, HEADS, size).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (query * size**-0.5 @ key.transpose(-2, -1)).softmax(-1)
        return self.proj((weights @ value).transpose(1, 2).reshape(-1, self.tokens, WIDTH))


class Block(nn.Module):
    def __init__(self, tokens, epsilon):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, epsilon)
        self.attn = Attention(tokens)
        self.norm2 = nn.LayerNorm(WIDTH, epsilon)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)
        self.gelu = nn.GELU()

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.fc2(self.gelu(self.fc1(self.norm2(x))))


def blocks(tokens, epsilon):
    return nn.Sequential(*(Block(tokens, epsilon) for _ in range(DEPTH)))
