"""The Transformers of bench/peers/torch_step.py: the models of `cairn bench step --model gpt` and
`vit`, written as a careful user of PyTorch would."""


def block_class(torch):
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, width, heads, causal, epsilon, approximate):
            super().__init__()
            self.heads, self.causal = heads, causal
            self.norm1 = nn.LayerNorm(width, eps=epsilon)
            self.qkv = nn.Linear(width, 3 * width)
            self.output = nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width, eps=epsilon)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate=approximate),
                                     nn.Linear(4 * width, width))

        def forward(self, x):
            B, T, C = x.shape
            q, k, v = self.qkv(self.norm1(x)).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
            x = x + self.output(y.transpose(1, 2).reshape(B, T, C))
            return x + self.mlp(self.norm2(x))

    return Block


def initialise(torch, model):
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.02)
    return model


def gpt(torch, layers=6, width=384, heads=6, tokens=256, batch=8, vocabulary=8192):
    """The model, tokens [batch, tokens] and labels [batch * tokens]."""
    nn, block = torch.nn, block_class(torch)

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(vocabulary, width)
            self.position = nn.Parameter(torch.zeros(tokens, width))
            self.blocks = nn.Sequential(*[block(width, heads, True, 1e-5, "tanh")
                                          for _ in range(layers)])
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary, bias=False)
            self.head.weight = self.token.weight

        def forward(self, x):
            return self.head(self.norm(self.blocks(self.token(x) + self.position)))

    index = torch.arange(batch * tokens) % vocabulary
    return initialise(torch, GPT()), index.view(batch, tokens), index


def vit(torch, layers=12, width=192, heads=3, size=32, patch=4, batch=32, classes=10):
    """The model, pictures [batch, 3, size, size] and labels [batch]."""
    nn, block = torch.nn, block_class(torch)

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Conv2d(3, width, patch, patch)
            self.token = nn.Parameter(torch.zeros(1, 1, width))
            self.position = nn.Parameter(torch.zeros((size // patch) ** 2 + 1, width))
            self.blocks = nn.Sequential(*[block(width, heads, False, 1e-6, "none")
                                          for _ in range(layers)])
            self.norm = nn.LayerNorm(width, eps=1e-6)
            self.head = nn.Linear(width, classes)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
            return self.head(self.norm(self.blocks(x))[:, 0])

    return initialise(torch, ViT()), torch.rand(batch, 3, size, size), torch.arange(batch) % classes
