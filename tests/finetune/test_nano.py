from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoModelForImageTextToText, AutoProcessor

from finetune.charts import matplotlib, pillow
from finetune.charts.figures import Figure, sample
from finetune.nano.model import IMAGE_TOKENS, create, save_hub
from finetune.nano.rows import REPEATS, Packer, Written, pairs
from finetune.nano.sight import ALPHABET, Sight, few_words, sheet, text_page
from finetune.nano.tokenizer import NEWLINES, _phrases, train
from vision import Prompt, Turn
from vision.prompts import messages
from vision.settings import NANO


@pytest.fixture(scope="module")
def processor() -> object:
    return AutoProcessor.from_pretrained(NANO, local_files_only=True)


def test_the_tokenizer_keeps_gemmas_format(processor) -> None:  # type: ignore[no-untyped-def]
    tokenizer = processor.tokenizer
    vocabulary = tokenizer.get_vocab()
    special = ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>")
    for token in (*NEWLINES, *special):
        assert tokenizer(token, add_special_tokens=False)["input_ids"] == [vocabulary[token]]
    assert len(tokenizer.tokenize("1234567890")) == 10, "digits one by one"
    assert tokenizer.tokenize("May?") != ["May?"] and tokenizer.tokenize("May?")[-1] == "?"
    for text in ("é 漢字 🙂", "  two  spaces ", "a\n\n\n\nb", "<think>\n3 × 4 = 12\n</think>\n\n"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


@pytest.mark.parametrize("made", [False, True], ids=["bundled", "made"])
def test_the_tokenizer_spells_what_pictures_show_and_nothing_else(processor, made: bool) -> None:  # type: ignore[no-untyped-def]
    cut = train(300).tokenize if made else processor.tokenizer.tokenize
    assert cut(" Theater 16, Whatley") == ["▁T", "h", "e", "a", "t", "e", "r", "▁1", "6", ",", "▁W", "h", "a", "t", "l", "e", "y"]
    assert cut("The answer is") == ["The", "▁answer", "▁is"] and cut("<think>\nRead the chart:")[::2] == ["<think>", "Read", "▁chart"]
    texts = [text for text, _ in _phrases(60)]
    assert sum(len(cut(text)) for text in texts) < 0.6 * sum(map(len, texts)), "mostly words, in the texts as a whole"


def test_the_chat_format_is_gemma_3s(processor) -> None:  # type: ignore[no-untyped-def]
    picture = Image.new("RGB", (40, 40))
    talk = Prompt(turns=(Turn(question="A?", images=(picture,), answer="4"), Turn(question="B?")), system="Think.")
    text = processor.apply_chat_template(messages(talk), add_generation_prompt=True, tokenize=False)
    assert text == (
        "<bos><start_of_turn>user\nThink.\n\n<start_of_image>A?<end_of_turn>\n<start_of_turn>model\n4<end_of_turn>\n"
        "<start_of_turn>user\nB?<end_of_turn>\n<start_of_turn>model\n"
    )
    ids = processor(text=[text], images=[[picture]], return_tensors="pt")["input_ids"][0].tolist()
    assert ids.count(processor.tokenizer.image_token_id) == IMAGE_TOKENS


def test_the_checkpoint_has_the_hubs_names_in_bf16_and_is_small() -> None:
    with safe_open(NANO / "model.safetensors", "pt") as weights:
        names = list(weights.keys())
        assert {weights.get_tensor(name).dtype for name in names} == {torch.bfloat16}
    heads = {name.split(".")[0] + "." + name.split(".")[1] for name in names}
    assert heads == {
        "language_model.model",
        "vision_tower.vision_model",
        "multi_modal_projector.mm_input_projection_weight",
        "multi_modal_projector.mm_soft_emb_norm",
    }
    size = sum(path.stat().st_size for path in NANO.rglob("*") if path.is_file())
    assert size < 40e6


def test_a_saved_model_is_the_same_when_transformers_loads_it(tmp_path: Path, processor) -> None:  # type: ignore[no-untyped-def]
    made = create(processor.tokenizer.get_vocab()).eval()
    save_hub(made, tmp_path)
    processor.save_pretrained(tmp_path)
    loaded, notes = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.float32, output_loading_info=True)
    assert not notes["missing_keys"] and not notes["unexpected_keys"]
    wanted = made.state_dict()
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, wanted[name].to(torch.bfloat16).float()), name


def test_only_the_models_own_words_are_learned(processor) -> None:  # type: ignore[no-untyped-def]
    packer = Packer(processor.tokenizer, 512)
    row = packer.pack([("value", "How much is A?", "The answer is 7.")], packer.prefix_for("", thinking=False), shared=True)
    learned = processor.tokenizer.decode(row.ids[row.learn])
    assert learned == "The answer is 7.<end_of_turn>"


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: text_page(rng)[:2],
        lambda rng: few_words(rng)[:2],
        lambda rng: pillow.render(rng, sample(rng, "bar"))[:2],
        lambda rng: matplotlib.render(rng, sample(rng, "line"))[:2],
    ],
    ids=["page", "few words", "pillow", "matplotlib"],
)
def test_letters_are_noted_where_they_stand(draw) -> None:  # type: ignore[no-untyped-def]
    """Around nearly every noted place there is ink of more than one shade."""
    hits: list[bool] = []
    for seed in range(6):
        image, letters = draw(random.Random(seed))
        pixels = np.asarray(image.convert("L")).astype(float)
        for letter, x, y in letters:
            if not letter.isspace():
                column, row = int(x * image.width), int(y * image.height)
                around = pixels[max(0, row - 6) : row + 7, max(0, column - 4) : column + 5]
                hits.append(around.size > 0 and float(np.ptp(around)) > 40)
    assert len(hits) > 20 and sum(hits) / len(hits) > 0.95


@pytest.mark.parametrize("render", [pillow.render, matplotlib.render])
def test_every_text_says_how_large_it_is(render) -> None:  # type: ignore[no-untyped-def]
    _, letters, _ = render(random.Random(3), sample(random.Random(3), "bar"))
    sizes = [(x, y) for letter, x, y in letters if letter == "\n"]
    assert len(sizes) > 3 and all(0.005 < x < 0.2 and 0.005 < y < 0.2 for x, y in sizes)


def test_a_picture_without_a_word_has_no_targets(processor) -> None:  # type: ignore[no-untyped-def]
    seen = sheet(Image.new("RGB", (400, 300), "white"), [("\n", 0.04, 0.04)], processor.tokenizer)
    assert (seen.letters == 0).all() and (seen.words == -100).all()


def test_each_letter_covers_the_points_around_it(processor) -> None:  # type: ignore[no-untyped-def]
    letters = [("\n", 0.04, 0.04), ("7", 0.1, 0.1), ("A", 0.13, 0.1), ("\n", 0.04, 0.04), ("x", 0.95, 0.95)]
    whole = sheet(Image.new("RGB", (320, 320)), letters, processor.tokenizer)
    seven, a, x = (whole.letters == ALPHABET.index(letter) + 2 for letter in "7Ax")
    assert seven.sum() >= 2 and a.sum() >= 2 and x.sum() >= 2
    assert (whole.letters > 0).sum() == seven.sum() + a.sum() + x.sum()
    assert (whole.words >= 0).sum() >= 2
    assert x.reshape(32, 32, 4)[30:, 30:].sum() == x.sum(), "the x stands in its corner"


def test_a_token_is_followed_by_the_next_of_its_text(processor) -> None:  # type: ignore[no-untyped-def]
    letters = [*_text("Qz", 0.02, 0.03), *_text("41", 0.5, 0.5)]
    follows = sheet(Image.new("RGB", (320, 320)), letters, processor.tokenizer).follows
    known = [(cell, *processor.tokenizer.convert_ids_to_tokens([token, after])) for cell, token, after in follows if cell >= 0]
    assert known[:2] == [(0, "▁Q", "z"), (0, "z", "<eos>")] and {cell for cell, *_ in known[2:]} == {8 * 16 + 8}


def test_order_is_learned_from_what_follows(processor) -> None:  # type: ignore[no-untyped-def]
    """Two soft tokens that hold the same letters in another order are told apart."""
    torch.manual_seed(0)
    sight, tokens, embedding = Sight(8, 16), torch.randn(1, 2, 16), torch.randn(6, 16)
    follows = torch.tensor([[[0, 1, 2], [0, 2, 5], [1, 2, 1], [1, 1, 5], [-100, -100, -100]]])
    optimizer = torch.optim.AdamW(sight.parameters(), lr=0.02)
    for _ in range(150):
        loss, share = sight.follow(tokens, follows, embedding)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert share.item() == 1.0 and loss.item() < 0.5
    assert sight.follow(tokens, follows.roll(1, 1), embedding)[1].item() == 1.0, "what is missing is not asked"


def test_colors_and_edges_are_learned_from_the_pixels_of_their_own_cell() -> None:
    """From features that hold each cell's pixels the heads tell the colors."""
    torch.manual_seed(0)
    sight = Sight(12, 48)
    pixels = torch.randint(0, 2, (3, 40, 40, 1), dtype=torch.uint8).repeat_interleave(3, -1) * 200
    points = pixels.view(3, 4, 2, 5, 4, 2, 5, 3).float().mean((3, 6)).permute(0, 1, 3, 2, 4, 5).reshape(3, 16, 12) / 127.5 - 1
    cells = points.view(3, 2, 2, 2, 2, 12).permute(0, 1, 3, 2, 4, 5).reshape(3, 4, 48)
    letters = torch.zeros(3, 16, 4, dtype=torch.long)
    optimizer = torch.optim.AdamW(sight.parameters(), lr=0.02, weight_decay=0.0)
    first = sight.color(points, cells, pixels, letters)
    for _ in range(300):
        loss, edges = sight.color(points, cells, pixels, letters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert edges.item() > 0.9 and loss < 0.1 * first[0]
    assert sight.color(points, cells.flip(1), pixels, letters)[1].item() < 0.3, "a neighbour's cell does not tell"


def test_a_value_stands_where_its_bar_ends_whatever_else_is_written() -> None:
    """The axis has the same number, and another bar too: neither is where this one is read."""
    letters = [*_text("30", 0.02, 0.03), *_text("Fish", 0.2, 0.97), *_text("Jul", 0.6, 0.97)]
    figure = Figure(kind="bar", categories=("Fish", "Jul"), series={"": (30.0, 7.0)}, printed=False)
    values = pairs(figure, {("", "Fish"): [(0.25, 0.3)] * 2, ("", "Jul"): [(0.65, 0.8)]})
    written = Written(letters, values)
    found = written.find("Fish 30, Jul 7.")
    assert found[5] == found[6] == [4 * 16 + 4] and found[13] == [12 * 16 + 10]
    assert written.find("The answer is 30.", "How much is Fish?")[14] == [4 * 16 + 4]
    assert written.find("The answer is 30.")[14] == [0], "without knowing what was asked, it is where 30 is written"


def _text(words: str, x: float, y: float) -> list[tuple[str, float, float]]:
    return [("\n", 0.05, 0.05), *((letter, x + 0.03 * i, y) for i, letter in enumerate(words))]


def test_what_is_written_says_where_words_stand() -> None:
    letters = [
        *_text("Oct sales", 0.02, 0.03),
        *_text("Oct", 0.02, 0.97),
        *_text("16", 0.5, 0.5),
        *_text("7.5", 0.2, 0.2),
        *_text("7", 0.9, 0.9),
    ]
    found = Written(letters).find("Oct 16, sales 7.5, 160.")
    assert found[0] == [15 * 16], "a text of its own before a part of another"
    assert found[4] == [8 * 16 + 8] and found[5] == [8 * 16 + 8], "16, not the 16 of 160"
    assert 19 not in found and len(found[8]) == 1 and found[8][0] < 16, "sales stands in the title"
    assert found[14] == [3 * 16 + 3] and not any(i in found for i in range(19, 22))
    assert not Written(_text("2", 0.1, 0.1) * (REPEATS + 1)).find("2"), "what stands everywhere says nothing"


def test_tokens_are_found_where_their_letters_stand(processor) -> None:  # type: ignore[no-untyped-def]
    letters = [*_text("Oct", 0.02, 0.97), *_text("16", 0.5, 0.5)]
    row = Packer(processor.tokenizer, 400).picture_row(random.Random(0), [("value", "How much is Oct?", "The answer is 16.")], letters)
    placed = {processor.tokenizer.decode([row.ids[i]]).strip(): row.spots[i, 0] for i in np.flatnonzero(row.spots[:, 0] >= 0)}
    assert placed["1"] == placed["6"] == 8 * 16 + 8 and set(placed.values()) == {15 * 16, 15 * 16 + 1, 8 * 16 + 8}, (
        "Oct begins in one and ends in the next"
    )
    counted = Packer(processor.tokenizer, 400).picture_row(random.Random(0), [("count", "How many?", "The answer is 16.")], letters)
    assert (counted.spots < 0).all(), "a number that was worked out stands nowhere"
