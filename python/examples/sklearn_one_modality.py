"""Fits scikit-learn's logistic regression on one modality, one domain left out: sklearn_one_modality.py STORE MODALITY TARGET"""

import sys

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mmdg


def main(path, modality, target):
    store = mmdg.open(path)
    there, labels = store.valid(modality), store.manifest["label"]
    train = store.select(split="train", domains=[domain for domain in store.domains if domain != target])
    test = store.select(domains=target)
    train, test = train[there[train]], test[there[test]]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(store.read(modality, train), labels[train])
    print(f"{modality}, {target}: {100 * model.score(store.read(modality, test), labels[test]):.1f} % of {len(test)} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
