"""The peers of store.py: 20,000 rows of features, 2304 + 512 values, in the formats that people keep such in, and how each is read.
What each calls for is imported when it runs."""

import shutil

import numpy as np

ROWS, WIDTHS, NAMES, BATCH = 20_000, (2304, 512), ("video", "audio"), 64
H5 = {"h5py chunked": {"chunks": 64}, "h5py contiguous": {}}


def source(folder, dtype):
    """The arrays, video and audio, as they were made."""
    return [np.fromfile(folder / f"{name}.f32", np.float32).reshape(ROWS, width).astype(dtype) for name, width in zip(NAMES, WIDTHS)]


def make_source(folder):
    random = np.random.default_rng(0)
    for name, width in zip(NAMES, WIDTHS):
        random.standard_normal((ROWS, width), np.float32).tofile(folder / f"{name}.f32")


def make_h5(path, arrays, chunks=None):
    import h5py
    with h5py.File(path, "w") as file:
        for name, array in zip(NAMES, arrays):
            file.create_dataset(name, data=array, chunks=chunks and (chunks, array.shape[1]))


def make_lmdb(path, arrays):
    import lmdb
    shutil.rmtree(path, ignore_errors=True)
    with lmdb.open(str(path), map_size=1 << 30) as environment, environment.begin(write=True) as transaction:
        for row in range(ROWS):
            transaction.put(b"%08d" % row, b"".join(array[row].tobytes() for array in arrays))


def make_webdataset(path, arrays):
    import webdataset
    path.mkdir(exist_ok=True)
    with webdataset.ShardWriter(f"{path}/%03d.tar", maxcount=5000, verbose=0) as writer:
        for row in range(ROWS):
            writer.write({"__key__": f"{row:08}", **{f"{name}.bin": array[row].tobytes() for name, array in zip(NAMES, arrays)}})


def make_safetensors(path, arrays):
    from safetensors.numpy import save_file
    save_file(dict(zip(NAMES, arrays)), path)


def make_npy(path, arrays):
    path.mkdir(exist_ok=True)
    for name, array in zip(NAMES, arrays):
        np.save(path / f"{name}.npy", array)


def make(folder, dtype):
    arrays = source(folder, dtype)
    for name, options in H5.items():
        make_h5(folder / f"{dtype}-{name}", arrays, **options)
    for maker in (make_lmdb, make_webdataset, make_safetensors, make_npy):
        maker(folder / f"{dtype}-{maker.__name__[5:]}", arrays)


# Each peer: a function of (path, dtype) that opens it and gives (random, scan): functions of an index array, and of a first row and
# one past the last, to the two arrays; None where the format cannot.


def h5py(path, dtype):
    import h5py as library
    arrays = [library.File(path)[name] for name in NAMES]

    def random(rows):
        order = np.argsort(rows)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return [array[rows[order]][back] for array in arrays]

    return random, lambda first, end: [array[first:end] for array in arrays]


def numpy_memmap(path, dtype):
    arrays = [np.load(path / f"{name}.npy", mmap_mode="r") for name in NAMES]
    return lambda rows: [array[rows] for array in arrays], lambda first, end: [np.array(array[first:end]) for array in arrays]


def lmdb(path, dtype):
    import lmdb as library
    environment = library.open(str(path), readonly=True, lock=False, readahead=False)
    bounds = np.cumsum((0, *WIDTHS)) * np.dtype(dtype).itemsize

    def filled(count, values):
        out = [np.empty((count, width), dtype) for width in WIDTHS]
        for place, value in enumerate(values):
            for array, begin, end in zip(out, bounds, bounds[1:]):
                array[place] = np.frombuffer(value[begin:end], dtype)
        return out

    def random(rows):
        with environment.begin(buffers=True) as transaction:
            return filled(len(rows), (transaction.get(b"%08d" % row) for row in rows))

    def scan(first, end):
        with environment.begin(buffers=True) as transaction, transaction.cursor() as cursor:
            cursor.set_key(b"%08d" % first)
            return filled(end - first, (value for _, value in zip(range(end - first), cursor.iternext(keys=False))))

    return random, scan


def webdataset(path, dtype):
    """Reads in its own order: through a shuffle buffer of 2000, or as written."""
    import webdataset as library

    def reader(shuffled):
        samples = iter(())

        def batch(count):
            nonlocal samples
            found = []
            while len(found) < count:
                sample = next(samples, None)
                if sample is None:
                    samples = iter(library.WebDataset([*map(str, sorted(path.iterdir()))], shardshuffle=False).shuffle(2000 * shuffled))
                else:
                    found.append(sample)
            return [np.stack([np.frombuffer(sample[f"{name}.bin"], dtype) for sample in found]) for name in NAMES]
        return batch

    random, scan = reader(True), reader(False)
    return lambda rows: random(len(rows)), lambda first, end: scan(end - first)


def safetensors(path, dtype):
    from safetensors import safe_open
    slices = [safe_open(path, "numpy").get_slice(name) for name in NAMES]
    return (lambda rows: [np.concatenate([part[row:row + 1] for row in rows.tolist()]) for part in slices],
            lambda first, end: [part[first:end] for part in slices])


def numpy_take(folder, dtype):
    """From plain memory into the same arrays each time. mode="clip", because with "raise" numpy gathers into a second buffer first."""
    arrays = source(folder, dtype)
    out = [np.empty((BATCH, width), dtype) for width in WIDTHS]

    def scan(first, end):
        for array, to in zip(arrays, out):
            np.copyto(to[:end - first], array[first:end])
        return [to[:end - first] for to in out]

    return lambda rows: [np.take(array, rows, 0, to[:len(rows)], "clip") for array, to in zip(arrays, out)], scan


def peers(folder, dtype):
    """name -> (files, random, scan)"""
    found = {"memory, numpy.take": ([], *numpy_take(folder, dtype))}
    kinds = {"numpy memmap": ("npy", numpy_memmap), "LMDB": ("lmdb", lmdb), "safetensors": ("safetensors", safetensors),
             "h5py contiguous": ("h5py contiguous", h5py), "h5py chunked": ("h5py chunked", h5py), "webdataset": ("webdataset", webdataset)}
    for name, (kind, open_it) in kinds.items():
        path = folder / f"{dtype}-{kind}"
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        found[name] = (files, *open_it(path, dtype))
    return found
