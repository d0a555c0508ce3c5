"""Odd values, and ways to damage a text, some bytes or a tree of JSON."""

import copy
import random

# As TOML writes them; those of --set are the same.
TOML = (
    "-1",
    "0",
    "1",
    "2",
    "1.5",
    "nan",
    "-inf",
    "1e308",
    "1e-320",
    "-0.0",
    "true",
    '"x"',
    '""',
    "[]",
    "{}",
    "[[1]]",
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "99999999999999999999",
    "0x7fffffffffffffff",
    "-9223372036854775808",
    "0x" + "f" * 5000,
    "9" * 5000,
    '"\\u001b]0;owned\\u0007"',
    '"a\\u0000b"',
    '"\\u202egnp.exe"',
    "[1, 2, 3]",
    "{low = 1, high = 2}",
    '["em", "em"]',
    '["kmeans"]',
    "[" * 40 + "]" * 40,
    "[" * 3000 + "]" * 3000,
    '"../../x"',
    '"' + "n" * 300 + '"',
    "[nan]",
    "4097",
    "1_000_000_000_000",
    "'''",
    '"\\ud800"',
    "{a = {a = {a = 1}}}",
    "not TOML",
    "=",
    "\x1b[31m",
    "[1, [2, [3]]]",
    "[true, 1]",
)
JSON = (
    None,
    True,
    -1,
    0,
    1,
    10**6,
    10**30,
    1.5,
    1e308,
    "",
    "x",
    "\x1b[31mred",
    "\ud800",
    "a\x00b",
    [],
    [[]],
    [1],
    [None],
    {},
    {"a": {}},
    [[1.0, 2.0]],
    [[[1.0]]],
    {"weights": [], "means": [], "covariances": []},
    float("nan"),
    float("inf"),
)
CELLS = (
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "1e308",
    "-1e308",
    "1e-320",
    "0x10",
    "1_000",
    "1,5",
    "١٢",
    "12 kg",
    "n/a",
    "\x00",
    "\x1b[31m",
    "\u202e7",
    '"',
    '"1',
    "'",
    "2020-01-01",
    "True",
    "=1+1",
    "9" * 400,
    "x" * 5000,
    "−3",
    "1.2.3",
    "--1",
    "\ufeff1",
)
PIECES = (
    b"\x00",
    b"\xff",
    b"\xfe\xff",
    b"\x1b]0;owned\x07",
    b"\n",
    b"\r",
    b",",
    b";",
    b"\t",
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"=",
    b"#",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xae",
    b"9" * 50,
    b"-",
    b"e",
    b".",
    b"null",
    b"NaN",
    b"PK\x03\x04",
    b"\\u001b",
)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cut, repeat, swap or insert something somewhere."""
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    end = min(end, start + 200)
    return rng.choice(
        [
            lambda: content[:start],
            lambda: content[:start] + content[end:],
            lambda: content[:start] + rng.choice(PIECES) + content[start:],
            lambda: content[:start] + rng.choice(PIECES) + content[end:],
            lambda: content[:end] + content[start:],
            lambda: (
                content[:start] + bytes(rng.randrange(256) for _ in range(8)) + content[start + 8 :]
            ),
            lambda: content[::-1],
            lambda: b"",
        ]
    )()


def places(tree, path=()):
    """Every place in a tree of JSON."""
    yield path
    if isinstance(tree, dict):
        for key, part in tree.items():
            yield from places(part, (*path, key))
    elif isinstance(tree, list):
        # The places of long lists of numbers are alike.
        for number, part in enumerate(tree[:4]):
            yield from places(part, (*path, number))


def changed(tree, rng: random.Random):
    """A copy of a tree of JSON, one place of which is another value, shorter, longer or gone."""
    tree = copy.deepcopy(tree)
    path = rng.choice([path for path in places(tree) if path])
    parent = tree
    for step in path[:-1]:
        parent = parent[step]
    found, last = parent[path[-1]], path[-1]
    kind = rng.randrange(4)
    if kind == 0:
        del parent[last]
    elif kind == 1 and isinstance(found, list) and found:
        parent[last] = rng.choice(
            [found[:-1], found + found[-1:], found[:1], found[::-1], found * 2]
        )
    elif kind == 2 and isinstance(found, dict):
        parent[last] = {**found, "invented": rng.choice(JSON)}
    else:
        parent[last] = copy.deepcopy(rng.choice(JSON))
    return tree
