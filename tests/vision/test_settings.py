from __future__ import annotations

import pytest

from vision import Sampling, SettingsError, load_settings


def test_the_environment_sets_and_the_caller_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGICFLOW_TEMPERATURE", "0.7")
    monkeypatch.setenv("LOGICFLOW_SEED", "3")
    settings = load_settings(seed=5, model=None)
    assert (settings.temperature, settings.seed) == (0.7, 5)


def test_an_unknown_variable_names_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGICFLOW_TEMPRATURE", "0.7")
    with pytest.raises(SettingsError, match="did you mean LOGICFLOW_TEMPERATURE"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 9), ("precision", "int3"), ("max_thought_tokens", -1), ("top_p", 0), ("seed", "x"), ("max_image_mb", -2)],
)
def test_an_impossible_value_is_named(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"{name} is {value!r}"):
        load_settings(**{name: value})


def test_sampling_refuses_what_cannot_be() -> None:
    for wrong in (
        {"temperature": -1},
        {"temperature": 3},
        {"top_p": 0},
        {"top_p": 2},
        {"max_answer_tokens": 0},
        {"max_thought_tokens": -1},
    ):
        with pytest.raises(SettingsError):
            Sampling(**wrong)  # type: ignore[arg-type]
