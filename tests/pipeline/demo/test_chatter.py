from random import Random

from pipeline.demo import chatter


def test_remarks_are_sentences_with_every_blank_filled():
    texts = [chatter.remark(Random(seed)) for seed in range(200)]
    assert all(text[-1] in ".!?" and "{" not in text for text in texts)
    assert len(set(texts)) > 150


def test_a_paragraph_has_as_many_remarks_as_asked():
    rng, again = Random(1), Random(1)
    assert chatter.remarks(rng, 3) == " ".join(chatter.remark(again) for _ in range(3))


def test_spam_is_words_without_a_sentence():
    text = chatter.spam(Random(1), 50)
    assert len(text.split()) == 50
    assert not set(".!?") & set(text)


def test_navigation_and_footer_hold_what_the_rules_look_for():
    text = " ".join((*chatter.NAVIGATION, *chatter.FOOTER)).lower()
    for words in ("javascript", "privacy policy", "terms of use", "uses cookies"):
        assert words in text
    assert len(set(chatter.NAVIGATION)) == len(chatter.NAVIGATION)
