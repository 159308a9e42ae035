"""Train the tokenizer: byte-level BPE over captions plus the everyday words people put in prompts.

    python make_tokenizer.py --out weights/tokenizer

Lowercase, word ends marked with </w>, <|startoftext|> and <|endoftext|> around each prompt, and every
byte in the vocabulary, so no word is lost: an unknown one falls into pieces.
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from captions import write_caption
from motifs import MOTIFS
from nets import TEXT
from pictures import scene

WORDS = """
a an the of in on at by with and or over under into from to through between above below behind beside inside around across
is are as like near far deep high low long short wide narrow old new young ancient modern future past forever never always
man woman child girl boy person people dancer singer face eyes hands portrait crowd couple king queen angel ghost robot
cat dog horse wolf bird eagle owl raven fish whale dolphin shark butterfly bee dragon lion tiger bear deer fox snake spider
house home street road bridge tower castle church temple palace ruins room door window wall garden park field farm village
town island harbour ship boat train car plane rocket spaceship station highway railway lighthouse windmill
tree leaf leaves grass meadow river lake pond waterfall valley canyon cave cliff rock stone sand beach shore coast jungle
sky sun moon star earth mars world heaven hell space time light shadow darkness dawn dusk day night morning evening midnight
spring summer autumn winter wind storm cloud fog mist rain snow ice fire smoke ash dust steam water ocean sea
red orange yellow green blue purple violet pink brown black white grey gold silver bronze copper colour color colors
bright dark soft hard hot cold warm cool wet dry slow fast quick still calm wild quiet loud happy sad angry lonely strange
beautiful pretty lovely ugly big small tiny huge giant little heavy empty full broken lost hidden secret magic mystic sacred
dream dreaming dreamscape memory hope love heart soul mind life death war peace freedom power energy music song sound dance
rhythm beat bass drum guitar piano violin orchestra concert stage club party festival disco techno house trance ambient jazz
rock metal punk folk hip hop classical choir voice
glass metal gold steel iron wood paper silk velvet plastic liquid crystal diamond pearl neon laser lamp candle lantern mirror
circle square triangle cube sphere line curve wave shape pattern texture surface layer grid network web thread knot
painting drawing sketch photo photograph photography film movie cinema scene still frame render rendering illustration art
artwork poster abstract surreal realistic realism fantasy science fiction gothic baroque cubist expressionist anime cartoon
comic manga japanese chinese african indian egyptian greek style van gogh monet dali picasso kandinsky hokusai escher
oil acrylic pastel pencil charcoal ink watercolor digital octane unreal engine detailed intricate highly quality
4k 8k hd ultra sharp blurry focus depth bokeh lens macro wide angle aerial view close up shot camera lighting volumetric
dramatic cinematic epic moody atmospheric ethereal glowing shining sparkling shimmering floating flying falling rising
running walking dancing burning melting growing blooming exploding spinning swirling flowing drifting turning moving
machine engine gear clock wheel wire cable screen computer code data signal noise glitch matrix virtual cyber cyberpunk
steampunk solarpunk vaporwave retro vintage futuristic minimal minimalist psychedelic trippy hypnotic infinite cosmic
astronaut planet comet meteor orbit eclipse supernova universe cosmos void abyss portal gate path journey
bread fruit apple orange lemon cherry berry wine coffee tea honey sugar candy cake chocolate
blood bone skull skin hair hand wing feather scale horn crown mask sword shield flag key book letter
one two three four five six seven eight nine ten many few some all every each other same different
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="run/weights/tokenizer")
    out = Path(parser.parse_args().out)
    out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    captions = [write_caption(rng, scene(rng, motif, 0.3)) for motif in MOTIFS for _ in range(150)]

    start, end = "<|startoftext|>", "<|endoftext|>"
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=end))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=TEXT["vocab_size"] - len(alphabet), special_tokens=[start, end],
                                  initial_alphabet=alphabet, end_of_word_suffix="</w>", min_frequency=1, show_progress=False)
    tokenizer.train_from_iterator(captions + WORDS.split() * 3, trainer)

    # A byte that ends a word needs its own entry too, or a rare letter there would be lost.
    data = json.loads(tokenizer.to_str())
    vocab = data["model"]["vocab"]
    for letter in sorted(alphabet):
        vocab.setdefault(letter + "</w>", len(vocab))
    assert len(vocab) <= TEXT["vocab_size"], len(vocab)
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", pair=f"{start} $A {end} $B:1 {end}:1", special_tokens=[(start, 0), (end, 1)])
    length = TEXT["max_position_embeddings"]
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=1, pad_token=end)
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": length, "bos_token": start, "eos_token": end,
        "pad_token": end, "unk_token": end}, indent=1))
    for text in ("A neon city in the rain, synthwave", "slow golden waves at dusk", "Zürich quokka 7 日本"):
        print(tokenizer.encode(text).tokens[: len(text.split()) * 4])
    print(len(vocab), "tokens")


if __name__ == "__main__":
    main()
