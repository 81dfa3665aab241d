// Random messages for compressed conversations, the same for the same seed: texts and binaries,
// 0 to 64 KiB, mostly short, some compressible and some not, many repeating parts of earlier ones.

const LEN_MAX = 1 << 16;

/** Yields `count` messages: `data`, whether it is `binary`, and where to cut it into fragments. */
export function* messages(seed, count) {
  const random = generator(seed);
  const below = (limit) => Math.floor(random() * limit);
  const bytes = (length) => Buffer.from(Uint8Array.from({ length }, () => below(256)));
  const words = Array.from({ length: 2000 }, () => word(below));
  // Longer than any window: what is taken from it is in reach of an earlier message, or is not.
  const pool = bytes(2 * LEN_MAX);
  let previous = pool.subarray(0, 100);

  for (let i = 0; i < count; i += 1) {
    const length = messageLength(random, below);
    const binary = random() < 0.5;
    let data;
    if (!binary) {
      const text = [];
      // The first words come often, the last seldom.
      for (let left = length; left > 0;) {
        const next = words[Math.floor(words.length * random() ** 3)];
        text.push(next);
        left -= Buffer.byteLength(next) + 1;
      }
      data = Buffer.from(text.join(' '));
    } else {
      const start = below(pool.length - length);
      const kinds = [
        () => bytes(length),
        () => Buffer.alloc(length, below(256)),
        () => Buffer.from(pool.subarray(start, start + length)),
        () => {
          const changed = Buffer.from(previous);
          if (changed.length > 0) changed[below(changed.length)] ^= 1 + below(255);
          return changed;
        },
      ];
      data = kinds[below(kinds.length)]();
    }
    previous = data;
    const cuts = random() < 0.2 ? Array.from({ length: 1 + below(4) }, () => below(data.length + 1)) : [];
    yield { data, binary, cuts: cuts.sort((a, b) => a - b) };
  }
}

function messageLength(random, below) {
  const kind = random();
  if (kind < 0.03) return 0;
  if (kind < 0.5) return below(64);
  if (kind < 0.8) return below(1024);
  if (kind < 0.95) return below(8192);
  return kind < 0.96 ? LEN_MAX - below(2) : below(LEN_MAX + 1);
}

function word(below) {
  const letters = [...'etaoinshrdlu', 'ß', 'é', '電', '書', 'は', '便', 'り', '🎉'];
  return Array.from({ length: 1 + below(9) }, () => letters[below(below(4) ? 12 : letters.length)]).join('');
}

/** Numbers from 0 up to 1 (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
