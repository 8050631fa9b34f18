from benchmarks.shuffle import shuffle_bytes


def test_keys_cross_the_shuffle_and_no_text(inputs):
    figures = shuffle_bytes(inputs)
    assert figures.unit == "MB"
    assert figures.reference > 2 * figures.ours > 0


def test_no_text_is_measured_that_was_not_asked_for(inputs):
    assert shuffle_bytes(inputs).input_bytes <= 16e6
