"""The counter of src/rng.rs, written out: two words of 32 bits, on whole arrays."""

import numpy as np

MASK = np.uint64(0xFFFFFFFF)
FACTORS = 0x9E3779B1, 0x27D4EB2F


def _words(*values):
    return [np.asarray(value, np.uint64) for value in values]


def finish(x, between=0):
    x, between = _words(x, between)
    x = (x ^ x >> np.uint64(16)) * np.uint64(0x85EBCA6B) & MASK
    x = (x ^ x >> np.uint64(13) ^ between) * np.uint64(0xC2B2AE35) & MASK
    return x ^ x >> np.uint64(16)


def mix(state, word):
    """The state that follows."""
    return tuple(int(finish(own * factor & 0xFFFFFFFF ^ word)) for own, factor in zip(state, FACTORS))


def stream(seed):
    return mix(mix((0, 0x6A09E667), seed & 0xFFFFFFFF), seed >> 32)


def purpose(state, name):
    for byte in name.encode():
        state = mix(state, byte)
    return state


def part(state, name):
    """The part for a purpose as tensor code has it: by the two words of the purpose's own stream."""
    for word in purpose(stream(0), name):
        state = mix(state, word)
    return state


def bits(state, element):
    first, second = state
    return finish(_words(first * FACTORS[0] & 0xFFFFFFFF)[0] ^ _words(element)[0], second)


def uniform(state, element):
    return (bits(state, element) >> np.uint64(8)).astype(np.float64) / 2**24


def permutation(state, count):
    return np.argsort(bits(state, np.arange(count)), kind="stable")
