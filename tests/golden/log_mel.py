#!/usr/bin/env python3
"""Golden numbers of the log-mel front end, from the definition alone.

Plain Python in double precision: a direct DFT, dense triangles, no library. Writes log_mel.txt:
blocks of "clip NAME SAMPLES FRAMES BANDS", the samples as 16-bit integers (divide by 32768), then
FRAMES lines of BANDS values.

    python3 tests/golden/log_mel.py > tests/golden/log_mel.txt
"""
import cmath
import math

RATE, N_FFT, HOP, RIGHT_PAD = 16000, 400, 160, 479


def hz_to_mel(hz):
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def mel_to_hz(mel):
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def mel_filters(bands):
    """Slaney scale and norm, 0-8000 Hz: [bands][N_FFT/2+1]."""
    edges = [mel_to_hz(hz_to_mel(8000) * i / (bands + 1)) for i in range(bands + 2)]
    rows = []
    for low, center, high in zip(edges, edges[1:], edges[2:]):
        row = []
        for k in range(N_FFT // 2 + 1):
            hz = k * RATE / N_FFT
            up = (hz - low) / (center - low)
            down = (high - hz) / (high - center)
            row.append(max(0.0, min(up, down)) * 2 / (high - low))
        rows.append(row)
    return rows


def log_mel(samples, bands):
    padded = list(samples) + [0.0] * RIGHT_PAD
    half = N_FFT // 2
    bordered = padded[half:0:-1] + padded + padded[-2 : -half - 2 : -1]
    window = [0.5 - 0.5 * math.cos(2 * math.pi * i / N_FFT) for i in range(N_FFT)]
    turn = [cmath.exp(-2j * math.pi * i / N_FFT) for i in range(N_FFT)]
    filters = mel_filters(bands)
    frames = []
    for start in range(0, len(bordered) - N_FFT + 1, HOP):
        piece = [x * w for x, w in zip(bordered[start : start + N_FFT], window)]
        power = [
            abs(sum(x * turn[k * i % N_FFT] for i, x in enumerate(piece))) ** 2
            for k in range(half + 1)
        ]
        frames.append(
            [math.log10(max(1e-10, sum(p * f for p, f in zip(power, row)))) for row in filters]
        )
    frames.pop()
    floor = max(map(max, frames)) - 8
    return [[(max(x, floor) + 4) / 4 for x in frame] for frame in frames]


def chirp(samples):
    """A rising tone over a quiet low hum, fading out: every band is touched, quiet parts are clamped."""
    for i in range(samples):
        t = i / samples
        tone = math.sin(2 * math.pi * (100 * t + 3500 * t * t) * samples / RATE)
        hum = math.sin(2 * math.pi * 60 * i / RATE)
        yield round(32768 * ((1 - t) ** 3 * 0.7 * tone + 0.02 * hum))


def print_clip(name, pcm, bands):
    pcm = list(pcm)
    frames = log_mel([x / 32768 for x in pcm], bands)
    print("clip", name, len(pcm), len(frames), bands)
    print(*pcm)
    for frame in frames:
        print(*(f"{x:.6f}" for x in frame))


if __name__ == "__main__":
    print_clip("chirp", chirp(1500), 128)
    print_clip("shorter_than_the_border", chirp(100), 80)
    print_clip("one_sample", [12000], 128)
    print_clip("silence", [0] * 161, 80)
