"""Reads the file that test_safetensors.c writes with Python's safetensors and checks every value."""
import json
import struct
import sys

import numpy as np
from safetensors import safe_open

path = sys.argv[1]
with safe_open(path, framework="np") as f:
    assert f.metadata() == {"format": "pt", 'quote"back\\slash\n\x01': "\u00e9\t"}, f.metadata()
    assert sorted(f.keys()) == sorted(["z.big", 'a"odd\\name\n', "none", "scalar", "ints"]), list(f.keys())
    i = np.arange(3000 * 1000)
    expected = ((i % 1000) * 0.5 - 100).astype(np.float32).reshape(3000, 1000)
    big = f.get_tensor("z.big")
    assert big.dtype == np.float32 and np.array_equal(big, expected)
    assert f.get_tensor("none").shape == (0, 5)
    assert f.get_tensor("scalar").shape == () and bool(f.get_tensor("scalar"))
    assert f.get_tensor("ints").tolist() == [-1, 2**63 - 1]
    odd = f.get_slice('a"odd\\name\n')
    assert odd.get_dtype() == "BF16" and odd.get_shape() == [3]

# numpy has no bfloat16: its bytes are looked up by hand.
raw = open(path, "rb").read()
(length,) = struct.unpack("<Q", raw[:8])
begin, end = json.loads(raw[8 : 8 + length])['a"odd\\name\n']["data_offsets"]
assert length % 8 == 0 and raw[8 + length + begin : 8 + length + end] == bytes.fromhex("803f00c0807f")
