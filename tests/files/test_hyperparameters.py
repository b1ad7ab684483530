"""Promises of hyperparameters.py: the ecosystem's files read, ranges hold, unknown keys show."""

import json
from dataclasses import asdict, replace

import pytest

from deepracer_fast.errors import HyperparameterError
from deepracer_fast.files.hyperparameters import (
    Hyperparameters,
    key_meant,
    parse_hyperparameters,
    read_hyperparameters,
)


def parse(**content):
    return parse_hyperparameters(json.dumps(content), "h.json")


def test_recorded_file_of_the_original_reads(shared):
    found = read_hyperparameters(shared / "logs/drfc_single_worker/ip/hyperparameters.json")
    expected = Hyperparameters(
        num_epochs=3,
        discount_factor=0.95,
        e_greedy_value=1.0,
        term_cond_avg_score=1000.0,
        term_cond_max_episodes=5000,
    )
    assert found == expected
    assert found.ignored == ()


def test_what_is_left_out_takes_the_consoles_defaults():
    assert asdict(parse()) == {
        "batch_size": 64,
        "num_epochs": 10,
        "lr": 0.0003,
        "beta_entropy": 0.01,
        "discount_factor": 0.99,
        "loss_type": "huber",
        "num_episodes_between_training": 20,
        "exploration_type": "categorical",
        "e_greedy_value": 0.05,
        "epsilon_steps": 10000,
        "stack_size": 1,
        "term_cond_max_episodes": 100000,
        "term_cond_avg_score": 100000.0,
        "sac_alpha": 0.2,
        "ignored": (),
    }


def test_written_file_reads_back_the_same():
    changed = replace(Hyperparameters(), lr=1e-5, batch_size=512, loss_type="mean squared error")
    assert parse_hyperparameters(changed.to_json(), "again") == changed
    assert "ignored" not in json.loads(changed.to_json())


@pytest.mark.parametrize("spelling", ["mean squared error", "mean_squared_error"])
def test_both_spellings_of_the_loss_are_read(spelling):
    assert parse(loss_type=spelling).loss_type == "mean squared error"


def test_numbers_may_be_strings_and_whole_numbers_floats():
    found = parse(lr="0.001", batch_size="32", num_epochs=5.0)
    assert (found.lr, found.batch_size, found.num_epochs) == (0.001, 32, 5)
    assert isinstance(found.num_epochs, int)


def test_unknown_keys_are_reported_and_clone_keys_are_not():
    found = parse(gae_lambda=1, pretrained_s3_bucket="b", pretrained_checkpoint="best")
    assert found.ignored == ("gae_lambda",)


def test_a_misspelt_key_is_refused():
    with pytest.raises(HyperparameterError, match=r"h\.json: .* 'learning_rate': did you mean lr"):
        parse(learning_rate=1)


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("learning_rate", "lr"),
        ("Learning Rate", "lr"),
        ("gamma", "discount_factor"),
        ("entropy", "beta_entropy"),
        ("batchsize", "batch_size"),
        ("num_epoch", "num_epochs"),
        ("Gradient descent batch size", "batch_size"),
        ("gae_lambda", None),
        ("", None),
    ],
)
def test_an_unknown_key_is_told_the_one_it_was_meant_for(unknown, meant):
    assert key_meant(unknown) == meant


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lr", 0, "lr must be a number above 0 and at most 1, found 0"),
        ("lr", float("nan"), "lr must be a finite number, found NaN"),
        ("lr", -0.1, r"lr must be a number above 0 and at most 1, found -0\.1"),
        ("batch_size", 0, "batch_size must be a whole number of 1 or more, found 0"),
        ("batch_size", 1.5, r"batch_size must be a whole number of 1 or more, found 1\.5"),
        ("batch_size", None, "batch_size must be a finite number, found null"),
        ("batch_size", True, "batch_size must be a finite number, found true"),
        ("num_epochs", 0, "num_epochs must be a whole number of 1 or more, found 0"),
        ("beta_entropy", -1, "beta_entropy must be a number of 0 or more, found -1"),
        ("discount_factor", 1.1, r"discount_factor must be a number from 0 to 1, found 1\.1"),
        ("num_episodes_between_training", 0, "must be a whole number of 1 or more, found 0"),
        ("e_greedy_value", 2, "e_greedy_value must be a number from 0 to 1, found 2"),
        ("epsilon_steps", 0, "epsilon_steps must be a whole number of 1 or more, found 0"),
        ("stack_size", "x", 'stack_size must be a finite number, found "x"'),
        ("loss_type", "l1", 'must be one of "huber", "mean squared error", found "l1"'),
        ("loss_type", 1, 'must be one of "huber", "mean squared error", found 1'),
        ("exploration_type", "none", 'must be one of "categorical", "e-greedy", "additive_noise"'),
        ("sac_alpha", -1, "sac_alpha must be a number of 0 or more, found -1"),
    ],
)
def test_value_out_of_range_is_refused_with_file_and_key(key, value, message):
    with pytest.raises(HyperparameterError, match=message) as caught:
        parse(**{key: value})
    assert str(caught.value).startswith(f"h.json: {key}")


def test_values_are_checked_without_a_file_too():
    with pytest.raises(HyperparameterError, match=r"^lr must be a number above 0"):
        replace(Hyperparameters(), lr=0.0)


def test_broken_file_is_named_with_line_and_column(tmp_path):
    file = tmp_path / "h.json"
    file.write_text('{\n"lr": }')
    with pytest.raises(HyperparameterError, match=r"h\.json: must be valid JSON.* line 2 column 7"):
        read_hyperparameters(file)
    with pytest.raises(HyperparameterError, match=r"none\.json: cannot be read: No such file"):
        read_hyperparameters(tmp_path / "none.json")


def test_keys_that_are_left_out_have_what_is_usual() -> None:
    usual = Hyperparameters(batch_size=128, num_epochs=4)
    assert parse_hyperparameters('{"lr": 0.001}', "h.json", usual) == replace(usual, lr=0.001)
    assert parse_hyperparameters('{"lr": 0.001}', "h.json") == Hyperparameters(lr=0.001)
