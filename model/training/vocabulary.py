"""The words a model has been trained on, by kind: vocabulary.json of an exported folder, which the program reads.

    python vocabulary.py --out run/weights/vocabulary.json

It is the generator's word lists, so write it with the recipe that the weights were trained with. {kind: {name: [phrases]}}.
"""

import argparse
import json
from pathlib import Path

from captions import DENSITIES, MOODS, SCALES, colour_words
from canvas import PALETTES
from effects import LIGHTS, STYLES, TIMES, WEATHERS
from motifs import MOTIFS


def vocabulary():
    words = lambda table: {name: entry[1] for name, entry in table.items()}
    return {
        "motifs": {name: entry[2] for name, entry in MOTIFS.items()},
        "colours": {name: colour_words(name) for name in PALETTES},
        "lights": words(LIGHTS), "weathers": words(WEATHERS), "times": words(TIMES), "styles": words(STYLES),
        "scales": SCALES, "densities": DENSITIES, "moods": {mood: [mood] for mood in MOODS},
    }


def text():
    """One name a line, so that a change is easy to see."""
    line = lambda name, phrases: f"  {json.dumps(name)}: {json.dumps(phrases, ensure_ascii=False)}"
    kinds = [f" {json.dumps(kind)}: {{\n" + ",\n".join(line(*item) for item in names.items()) + "\n }" for kind, names in vocabulary().items()]
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("run/weights/vocabulary.json"))
    parser.parse_args().out.write_text(text())


if __name__ == "__main__":
    main()
