"""Makes chunks.h5: arrays in every layout and attribute that the reader knows (needs h5py)."""
import pathlib

import h5py
import numpy as np

here = pathlib.Path(__file__).parent
with h5py.File(here / "layouts.h5", "w") as f:
    a = np.arange(7 * 5 * 3, dtype="<f4").reshape(7, 5, 3) / 4
    f["contiguous"] = a
    f.create_dataset("chunked", data=a, chunks=(2, 3, 2))
    f.create_dataset("deflated", data=a, chunks=(4, 2, 3), compression="gzip")
    f.create_dataset("shuffled", data=a, chunks=(7, 5, 1), compression="gzip", shuffle=True)
    f.create_dataset("empty", data=np.zeros((0, 4), "<f4"))
    f["group/inner/scalar"] = np.float64(0.125)
    f["group/ints"] = np.array([-3, 5], "<i2")
    f.attrs["text"] = "héllo"
    f.attrs["fixed"] = np.bytes_(b"abc")
    f.attrs["texts"] = np.array(["a", "bc", ""], dtype=h5py.string_dtype())
    f.attrs["number"] = 42
    for i in range(40):
        f[f"many/d{i}"] = np.int32(i)
with h5py.File(here / "newest.h5", "w", libver="latest", track_order=True) as f:
    f["a/b"] = np.arange(4, dtype="<u1")
    f.attrs["text"] = "new"
