"""Random messages for compressed conversations, the same for the same seed: texts and binaries,
0 to 64 KiB, mostly short, some compressible and some not, many repeating parts of earlier ones.
"""

import random

LEN_MAX = 1 << 16


def messages(seed, count):
    """Yields `count` messages, `str` or `bytes`, each with where to cut it into fragments."""
    source = random.Random(seed)
    letters = list("etaoinshrdlu" * 3) + ["ß", "é", "電", "書", "は", "便", "り", "🎉"]
    words = ["".join(source.choices(letters, k=source.randint(1, 9))) for _ in range(2000)]
    # Longer than any window: what is taken from it is in reach of an earlier message, or is not.
    pool = source.randbytes(2 * LEN_MAX)
    previous = pool[:100]

    for _ in range(count):
        length = message_length(source)
        if source.random() < 0.5:
            text = []
            left = length
            while left > 0:
                # The first words come often, the last seldom.
                text.append(words[int(len(words) * source.random() ** 3)])
                left -= len(text[-1].encode()) + 1
            data = " ".join(text)
        else:
            kind = source.randrange(4)
            if kind == 0:
                data = source.randbytes(length)
            elif kind == 1:
                data = bytes([source.randrange(256)]) * length
            elif kind == 2:
                start = source.randrange(len(pool) - length)
                data = pool[start : start + length]
            else:
                changed = bytearray(previous)
                if changed:
                    changed[source.randrange(len(changed))] ^= 1 + source.randrange(255)
                data = bytes(changed)
            previous = data
        cuts = []
        if source.random() < 0.2:
            cuts = sorted(source.randint(0, len(data)) for _ in range(source.randint(1, 4)))
        yield data, cuts


def message_length(source):
    kind = source.random()
    if kind < 0.03:
        return 0
    if kind < 0.5:
        return source.randrange(64)
    if kind < 0.8:
        return source.randrange(1024)
    if kind < 0.95:
        return source.randrange(8192)
    return LEN_MAX - source.randrange(2) if kind < 0.96 else source.randint(0, LEN_MAX)
