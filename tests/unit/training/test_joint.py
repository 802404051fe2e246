"""Real pictures and real speech land where the packed rows say."""

from __future__ import annotations

import pytest
import torch

from sviqa_app.model.config import SpeechConfig, SviqaConfig, TextConfig
from sviqa_app.model.prompt import ASSISTANT
from sviqa_app.model.sviqa import Sviqa
from sviqa_app.training.joint import Course, joint_batch, joint_hidden, joint_loss, spoken_words
from sviqa_app.training.language import LanguageStudent
from sviqa_app.training.mentions import UNKNOWN
from sviqa_app.training.scenes import Scene, Thing
from sviqa_app.training.utterances import Utterances

from .test_scenes import needs_emoji
from .test_voices import needs_flite

CONFIG = SviqaConfig(
    text=TextConfig(intermediate_size=64, layers=2),
    speech=SpeechConfig(width=32, layers=1, heads=2, intermediate_size=64),
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Utterances:
    return Utterances(tmp_path_factory.mktemp("pool"), 16, first=3)


@needs_emoji
@needs_flite
def test_each_row_holds_its_own_speech(pool: Utterances) -> None:
    batch = joint_batch(CONFIG, Course(pool, 2, noise=0.0), 0)
    slots = int(batch["slots"])
    for row in range(2):
        places = batch["spoken"][row][batch["spoken"][row] > 0] - 1
        assert set((places // slots).tolist()) == {row}
        frames = (int(batch["lengths"][row]) + 1) // 2
        assert int((places % slots).max()) == (frames + 4) // 5 - 1


def test_the_slots_in_which_a_name_is_said_know_its_places() -> None:
    scene = Scene((Thing("dog", None, 0, 0.16, 0.16, 0.2), Thing("dog", None, 4, 0.5, 0.5, 0.2)), "blue")
    spans = [(0, 10), (10, 15), (15, 20), (20, 45)]
    words = spoken_words({"mel": torch.zeros(80, 110), "spans": spans}, 7, scene, "where is the dog")
    assert [slot for _, slot, _ in words] == list(range(7, 18))
    assert [place for _, _, place in words] == [UNKNOWN] * 6 + [0b10001] * 3 + [UNKNOWN] * 2


@needs_emoji
@needs_flite
def test_the_loss_reaches_projectors_and_leaves_frozen_parts(pool: Utterances) -> None:
    torch.manual_seed(0)
    model = Sviqa(CONFIG)
    for part in (model.ear.speech_encoder, model.llava.model.vision_tower):
        part.requires_grad_(False)
    batch = joint_batch(CONFIG, Course(pool, 2, codes=lambda text: [0, 1, 1024, 1025, 1026] * 9), 1)
    losses = joint_loss(LanguageStudent(model), batch)
    assert set(losses) == {"answer", "voice", "named", "about"}
    torch.stack(list(losses.values())).sum().backward()
    assert model.ear.speech_projector.linear1.weight.grad is not None
    assert model.llava.model.multi_modal_projector.linear_1.weight.grad is not None
    assert all(p.grad is None for p in model.ear.speech_encoder.parameters())


@needs_emoji
@needs_flite
def test_speech_changes_the_answers_of_its_own_row_alone(pool: Utterances) -> None:
    torch.manual_seed(0)
    model = Sviqa(CONFIG).eval()
    batch = joint_batch(CONFIG, Course(pool, 2, mixed=0.0, typed=0), 0)
    with torch.no_grad():
        before = joint_hidden(model, batch)[-1]
        batch["mel"][1] += 1.0
        after = joint_hidden(model, batch)[-1]
    ends = batch["ids"] == ASSISTANT
    assert torch.allclose(before[0][ends[0]], after[0][ends[0]], atol=1e-5)
    assert not torch.allclose(before[1][ends[1]], after[1][ends[1]], atol=1e-3)
