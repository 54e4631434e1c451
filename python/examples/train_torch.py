"""Trains a head on the features of all domains but one, and tests it on that one: train_torch.py STORE TARGET"""

import sys

import torch

import mmdg


def main(path, target, epochs=20):
    store = mmdg.open(path)
    sources = [domain for domain in store.domains if domain != target]
    widths = {name: modality.shape[0] for name, modality in store.modalities.items()}
    torch.manual_seed(0)
    torch.set_num_threads(1)  # a head is too small to be shared
    encoders = torch.nn.ModuleDict({name: torch.nn.Linear(width, 64) for name, width in widths.items()})
    head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(64 * len(widths), len(store.classes)))
    optimizer = torch.optim.Adam([*encoders.parameters(), *head.parameters()], lr=1e-3)

    def logits(batch):
        return head(torch.cat([encoder(torch.from_numpy(batch[name])) for name, encoder in encoders.items()], dim=1))

    for epoch in range(epochs):
        # as many rows of one domain as of another in each batch; one thread reads while another trains
        for batch in store.batches(64, seed=0, epoch=epoch, domains=sources, split="train", order="domains", threads=1):
            loss = torch.nn.functional.cross_entropy(logits(batch), torch.from_numpy(batch["label"]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        right = [logits(batch).argmax(1).numpy() == batch["label"] for batch in store.batches(256, domains=target, order="rows")]
    print(f"{target}: {100 * sum(hits.sum() for hits in right) / sum(map(len, right)):.1f} % of {sum(map(len, right))} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
