"""Writes safetensors files whose bytes depend on nothing but their contents.

The safetensors package keeps metadata in an unordered map, so two runs of it may write two
different files; the records are committed, so they have to be reproducible. Reading back with the
package proves that the files are what it expects.
"""

import json
import struct

import numpy as np
from safetensors.numpy import load_file

DTYPES = {"float64": "F64", "float32": "F32", "int32": "I32"}


def save(path, tensors, metadata):
    header = {"__metadata__": {k: str(metadata[k]) for k in sorted(metadata)}}
    buffers, offset = [], 0
    # Widest elements first keeps every tensor aligned.
    for name in sorted(tensors, key=lambda n: (-tensors[n].dtype.itemsize, n)):
        t = np.asarray(tensors[name], order="C")
        data = t.tobytes()
        header[name] = {"dtype": DTYPES[t.dtype.name], "shape": list(t.shape),
                        "data_offsets": [offset, offset + len(data)]}
        buffers.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(buffers))

    back = load_file(path)
    assert back.keys() == tensors.keys()
    for name, t in tensors.items():
        assert back[name].dtype == t.dtype and back[name].shape == t.shape, name
        assert np.array_equal(back[name], t), name
