#!/usr/bin/env python3
"""join.py FOLDER: makes the samples beside this file from the Free Spoken Digit Dataset's recordings in FOLDER."""
import pathlib
import sys
import wave

GAP_SECONDS = 0.25
SAMPLES = {
    "three-seven-one.wav": ["3_jackson_7", "7_nicolas_6", "1_theo_8"],
    "five-zero-nine-two.wav": ["5_lucas_6", "0_lucas_8", "9_lucas_5", "2_lucas_9"],
    "six-four.wav": ["6_yweweler_7", "4_george_6"],
}

recordings = pathlib.Path(sys.argv[1])
for name, parts in SAMPLES.items():
    with wave.open(str(pathlib.Path(__file__).parent / name), "wb") as out:
        for i, part in enumerate(parts):
            with wave.open(str(recordings / f"{part}.wav"), "rb") as recording:
                if i == 0:
                    out.setparams(recording.getparams())
                else:
                    gap_frames = int(GAP_SECONDS * recording.getframerate())
                    out.writeframes(bytes(gap_frames * recording.getsampwidth()))
                out.writeframes(recording.readframes(recording.getnframes()))
