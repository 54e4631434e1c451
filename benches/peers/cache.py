"""What the page cache holds of files."""

import ctypes
import mmap
import os

import numpy as np

LIBC = ctypes.CDLL(None)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def warm(files):
    """Reads files through and asserts that the page cache holds them, but for one page in a hundred."""
    for path in files:
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass
            size = os.fstat(file.fileno()).st_size
            pages = np.zeros(-(-size // mmap.PAGESIZE), np.uint8)
            place = LIBC.mmap(None, max(size, 1), mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
            LIBC.mincore(place, size, pages.ctypes.data)
            LIBC.munmap(place, max(size, 1))
            assert (pages & 1).sum() >= 0.99 * len(pages), f"{path}: {(pages & 1).sum()} of {len(pages)} pages in the cache"


def forget(files):
    """Takes files out of the page cache, so that they come into it by being read: how they were written shows in the size of the cache's folios, and
    with it in how fast their mapping is."""
    os.sync()
    for path in files:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
